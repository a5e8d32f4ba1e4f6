/* Nothing is deleted unless all of it is there, and then only after asking. */
#include "cli/things.h"

#include <jansson.h>
#include <stdio.h>

#include "cli/confirm.h"
#include "cli/show.h"

const struct cli_option things_list_table[1] = {
    {"json", 0, CLI_FLAG, offsetof(struct things_list_options, json), NULL, "one JSON array"},
};
const struct cli_option things_delete_table[2] = {
    CONFIRM_OPTION(things_delete_options, yes),
    {"json", 0, CLI_FLAG, offsetof(struct things_delete_options, json), NULL, "one JSON object: {\"deleted\":[ID…]}"},
};

int things_open(const struct cli *cli, const struct things *things, struct livekit_session *ret_session) {
    return livekit_session_open(cli, things->list, things->unlisted, ret_session);
}

long things_find(const struct cli *cli, const struct things *things, const struct livekit_session *session,
                 const char *id) {
    const struct livekit_answer *answer = &session->listed->answer;
    for (size_t i = 0; i < answer->count; i++) {
        if (slice_is(things->id(answer, i), id)) {
            return (long)i;
        }
    }
    cli_error(cli, "LiveKit has no %s %s; `sipbridge %s list` shows those it has", things->name, id, things->verb);
    return -1;
}

int things_run_list(struct cli *cli, const struct things *things) {
    struct things_list_options options = {0};
    cleanup_session struct livekit_session session = {0};
    if (!cli_parse(cli, &options)) {
        return CLI_USAGE;
    }
    int code = things_open(cli, things, &session);
    if (code != CLI_OK) {
        return code;
    }
    struct slice prefix = slice_of(session.settings.room_prefix);
    const struct livekit_answer *answer = &session.listed->answer;
    if (options.json) {
        json_t *list = json_array();
        for (size_t i = 0; i < answer->count; i++) {
            json_array_append_new(list, things->json(answer, i, prefix));
        }
        show_json(list);
    } else if (answer->count == 0) {
        puts(things->none);
    } else {
        things->print(answer, prefix);
    }
    show_left_out(cli, answer);
    return CLI_OK;
}

struct deleting {
    const struct cli *cli;
    const struct things *things;
    struct things_delete_options options;
    struct livekit_session session;
    char *labels[THINGS_MOST]; /* of CLI's arguments */
};

static void deleting_release(struct deleting *deleting) {
    for (size_t i = 0; i < THINGS_MOST; i++) {
        free(deleting->labels[i]);
    }
    livekit_session_release(&deleting->session);
}

static int ask(struct deleting *deleting) {
    const struct cli *cli = deleting->cli;
    cleanup_buf struct buf all = {0};
    for (int i = 0; i < cli->argc; i++) {
        long place = things_find(cli, deleting->things, &deleting->session, cli->argv[i]);
        if (place < 0) {
            return CLI_FAILED;
        }
        deleting->labels[i] = deleting->things->label(&deleting->session.listed->answer, (size_t)place);
        buf_addf(&all, "%s%s", i > 0 ? ", " : "", deleting->labels[i]);
    }
    return confirm(cli, deleting->options.yes, "Delete %s? %s", all.p, deleting->things->consequence);
}

static int delete_all(const struct deleting *deleting) {
    const struct cli *cli = deleting->cli;
    struct livekit_api *api = deleting->session.access.api;
    json_t *deleted = json_array();
    int code = CLI_OK;
    for (int i = 0; i < cli->argc && code == CLI_OK; i++) {
        struct slice id = slice_of(cli->argv[i]);
        cleanup_free char *what = xasprintf("%s is not deleted", deleting->labels[i]);
        cleanup_result struct livekit_result *result =
            livekit_access_change(cli, deleting->things->remove(api, NULL, id), what);
        code = result != NULL ? CLI_OK : CLI_FAILED;
        if (result != NULL && deleting->options.json) {
            json_array_append_new(deleted, show_json_text(id));
        } else if (result != NULL) {
            printf("%s deleted\n", deleting->labels[i]);
        }
    }
    if (deleting->options.json) {
        show_json(json_pack("{s:O}", "deleted", deleted));
    }
    json_decref(deleted);
    return code;
}

int things_run_delete(struct cli *cli, const struct things *things) {
    struct deleting deleting __attribute__((cleanup(deleting_release))) = {.cli = cli, .things = things};
    if (!cli_parse(cli, &deleting.options)) {
        return CLI_USAGE;
    }
    int code = things_open(cli, things, &deleting.session);
    code = code == CLI_OK ? ask(&deleting) : code;
    return code == CLI_OK ? delete_all(&deleting) : code;
}
