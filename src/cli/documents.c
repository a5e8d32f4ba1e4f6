/* Fetching both documents with the settings of the daemon. */
#include "cli/documents.h"

#include "app/from_settings.h"
#include "base/argv.h"

enum { ANSWER_TIMEOUT_MS = 5000 };

void documents_load(const struct settings *settings, const struct documents_from *from,
                    struct documents *ret_documents) {
    struct source_options options;
    *ret_documents = (struct documents){0};
    source_options_from(settings, &options, &ret_documents->command);
    options.rules_file = from->rules_file != NULL ? from->rules_file : options.rules_file;
    options.agents_file = from->agents_file != NULL ? from->agents_file : options.agents_file;
    fetch_run(&options, from->timeout_ms > 0 ? from->timeout_ms : ANSWER_TIMEOUT_MS, &ret_documents->fetch);
}

void documents_release(struct documents *documents) {
    fetch_release(&documents->fetch);
    argv_free(documents->command);
    *documents = (struct documents){0};
}

bool documents_good(const struct cli *cli, const struct fetch_document *document, const char *what) {
    if (document->diag.what[0] == '\0') {
        return true;
    }
    char text[sizeof document->diag.where + sizeof document->diag.what + 4];
    diag_text(&document->diag, text, sizeof text);
    bool is_redis = document->text == NULL && document->kind != NULL && strcmp(document->kind, "redis") == 0;
    cli_error(cli, "%s cannot be used: %s%s", what, text, is_redis ? "; is Redis running, is REDIS_URL right?" : "");
    return false;
}
