/* Fetching both documents with the settings of the daemon. */
#include "cli/documents.h"

#include "spawner/local/local.h"

enum { REDIS_TIMEOUT_MS = 5000 };

static bool is_set(const char *text) {
    return text != NULL && text[0] != '\0';
}

static bool find_program(const struct agent *agent, struct diag *diag) {
    cleanup_free char *path = local_resolve(agent->command[0], (const char *const *)agent->env, agent->cwd, diag);
    return path != NULL;
}

static bool split_command(const struct cli *cli, const struct settings *settings, char ***ret_command) {
    if (!is_set(settings->agent_command)) {
        return true;
    }
    struct diag diag;
    char **command = argv_split(slice_of(settings->agent_command), &diag);
    if (command == NULL || !argv_check(command, &diag)) {
        argv_free(command);
        diag_within(&diag, "SIP_AGENT_COMMAND");
        cli_fail(cli, &diag);
        return false;
    }
    *ret_command = command;
    return true;
}

bool documents_load(const struct cli *cli, const struct settings *settings, const struct documents_from *from,
                    struct documents *ret_documents) {
    *ret_documents = (struct documents){0};
    if (!split_command(cli, settings, &ret_documents->command)) {
        return false;
    }
    struct source_options options = {
        .rules_file = from->rules_file != NULL ? from->rules_file : settings->rules_file,
        .agents_file = from->agents_file != NULL ? from->agents_file : settings->agents_file,
        .redis_url = settings->redis_url,
        .rules_key = "sip_dispatch_rules",
        .agents_key = "sip_agents",
        .defaults = {.command = ret_documents->command,
                     .api_credentials = settings->agent_credentials == CREDENTIALS_API,
                     .stop_timeout_ms = settings->stop_timeout_ms,
                     .after_call_ms = settings->after_call_ms},
        .check = find_program,
    };
    fetch_run(&options, REDIS_TIMEOUT_MS, &ret_documents->fetch);
    return true;
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
    cli_error(cli, "%s cannot be used: %s", what, text);
    return false;
}
