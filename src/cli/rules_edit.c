/* Reading before an edit, and writing after it. */
#include "cli/rules_edit.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/text.h"

enum { TIMEOUT_MS = 5000, SHOWN_MAX = 400 };

struct rules_place rules_edit_place(const struct settings *settings) {
    return (
        struct rules_place){.file = settings->rules_file, .redis_url = settings->redis_url, .timeout_ms = TIMEOUT_MS};
}

static bool has_file(const struct settings *settings) {
    return settings->rules_file != NULL && settings->rules_file[0] != '\0';
}

/* A file that is not there yet will be made. */
static bool is_missing(const struct settings *settings) {
    struct stat status;
    return has_file(settings) && lstat(settings->rules_file, &status) < 0 && errno == ENOENT;
}

/* Whether the rules could be read, good or bad. */
static bool take_rules(const struct cli *cli, struct rules_edit *edit) {
    struct fetch_document *document = &edit->documents.fetch.rules;
    if (document->diag.what[0] == '\0') {
        edit->rules = document->rules;
        edit->text = (struct slice){document->text, document->size};
        return true;
    }
    bool empty = document->text != NULL && document->size == 0;
    if (empty || is_missing(&edit->settings)) {
        return true;
    }
    if (document->text == NULL) {
        return documents_good(cli, document, "the rules");
    }
    edit->text = (struct slice){document->text, document->size};
    edit->bad = document->diag;
    return true;
}

static void take_agents(const struct cli *cli, struct rules_edit *edit) {
    const struct fetch_document *agents = &edit->documents.fetch.agents;
    if (agents->diag.what[0] != '\0') {
        char text[sizeof agents->diag];
        diag_text(&agents->diag, text, sizeof text);
        cli_error(cli, "warning: the agents cannot be read, so none is known here: %s", text);
    }
    edit->agents = agents->directory;
}

int rules_edit_start(const struct cli *cli, const struct rules_edit_need *need, struct rules_edit *ret_edit) {
    struct rules_edit *edit = ret_edit;
    struct diag diag;
    *edit = (struct rules_edit){0};
    if (!cli_settings(cli, &edit->settings)) {
        return CLI_USAGE;
    }
    struct rules_place place = rules_edit_place(&edit->settings);
    if (!rules_place_check(&place, &diag)) {
        cli_fail(cli, &diag);
        return CLI_USAGE;
    }
    edit->where = has_file(&edit->settings) ? xstrdup(place.file) : xstrdup("Redis, key sip_dispatch_rules");
    bool was_missing = is_missing(&edit->settings);
    documents_load(&edit->settings, &(struct documents_from){0}, &edit->documents);
    if (was_missing && edit->documents.fetch.rules.text == NULL && !is_missing(&edit->settings)) {
        documents_release(&edit->documents); /* another editor made it just then */
        documents_load(&edit->settings, &(struct documents_from){0}, &edit->documents);
    }
    if (!take_rules(cli, edit)) {
        return CLI_FAILED;
    }
    if (edit->bad.what[0] != '\0' && !need->takes_bad) {
        char text[sizeof edit->bad];
        diag_text(&edit->bad, text, sizeof text);
        cli_error(cli, "the rules there have a mistake and are left as they are: %s", text);
        return CLI_FAILED;
    }
    take_agents(cli, edit);
    return CLI_OK;
}

void rules_edit_release(struct rules_edit *edit) {
    documents_release(&edit->documents);
    settings_release(&edit->settings);
    free(edit->where);
    *edit = (struct rules_edit){0};
}

enum edit_result rules_edit_write(const struct cli *cli, const struct rules_edit *edit,
                                  const struct rules_change *change, struct buf *ret_text) {
    struct diag diag;
    struct rules_place place = rules_edit_place(&edit->settings);
    enum edit_result result = rules_write(&place, change, ret_text, &diag);
    if (result == EDIT_FAILED) {
        cli_fail(cli, &diag);
    }
    return result;
}

void rules_edit_show(struct slice rule, struct buf *out) {
    cleanup_buf struct buf line = {0};
    bool in_string = false;
    for (size_t i = 0; i < rule.n; i++) {
        char c = rule.p[i];
        bool is_pair = in_string && c == '\\' && i + 1 < rule.n;
        if (in_string || strchr(" \t\r\n", c) == NULL) {
            buf_add(&line, &rule.p[i], is_pair ? 2 : 1);
        }
        in_string = in_string != (c == '"');
        i += is_pair;
    }
    text_clean(out, buf_slice(&line), SHOWN_MAX);
}
