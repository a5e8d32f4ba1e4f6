/* Nothing is deleted unless all of it is there. */
#include "cli/delete.h"

#include <jansson.h>
#include <stdio.h>

#include "cli/livekit_access.h"
#include "cli/show.h"

struct labels {
    char *at[DELETE_MAX];
};

static void labels_free(struct labels *labels) {
    for (size_t i = 0; i < DELETE_MAX; i++) {
        free(labels->at[i]);
    }
}

static int ask(const struct cli *cli, const struct delete_job *job, struct labels *ret_labels) {
    cleanup_buf struct buf all = {0};
    for (int i = 0; i < cli->argc; i++) {
        ret_labels->at[i] = job->label(cli, job->context, cli->argv[i]);
        if (ret_labels->at[i] == NULL) {
            return CLI_FAILED;
        }
        buf_addf(&all, "%s%s", i > 0 ? ", " : "", ret_labels->at[i]);
    }
    return confirm(cli, job->yes, "Delete %s? %s", all.p, job->consequence);
}

static int send_all(const struct cli *cli, const struct delete_job *job, const struct labels *labels) {
    json_t *deleted = json_array();
    int code = CLI_OK;
    for (int i = 0; i < cli->argc && code == CLI_OK; i++) {
        struct slice id = slice_of(cli->argv[i]);
        cleanup_free char *what = xasprintf("%s is not deleted", labels->at[i]);
        cleanup_result struct livekit_result *result = livekit_access_ask(cli, job->send(job->api, NULL, id), what);
        code = result != NULL ? CLI_OK : CLI_FAILED;
        if (result != NULL && job->json) {
            json_array_append_new(deleted, show_json_text(id));
        } else if (result != NULL) {
            printf("%s deleted\n", labels->at[i]);
        }
    }
    if (job->json) {
        show_json(json_pack("{s:O}", "deleted", deleted));
    }
    json_decref(deleted);
    return code;
}

int delete_all(const struct cli *cli, const struct delete_job *job) {
    struct labels labels __attribute__((cleanup(labels_free))) = {0};
    int code = ask(cli, job, &labels);
    return code == CLI_OK ? send_all(cli, job, &labels) : code;
}
