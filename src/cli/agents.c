/* sipbridge agents: the directory of agents, and what is wrong with any of them. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/documents.h"
#include "cli/help.h"

enum { WHY_MAX = 1024 };

struct agents_options {
    bool json;
};

static char *command_of(const struct agent *agent) {
    struct buf text = {0};
    for (char **at = agent->command; at != NULL && *at != NULL; at++) {
        bool plain = **at != '\0' && strpbrk(*at, " \t\r\n'\"\\") == NULL;
        buf_addf(&text, "%s%s%s%s", at == agent->command ? "" : " ", plain ? "" : "'", *at, plain ? "" : "'");
    }
    return buf_take(&text);
}

static void add_row(struct cli_table *table, const struct agent *agent, const char *name) {
    char stop[24];
    text_duration_format(agent->stop_timeout_ms, stop);
    cleanup_free char *command = command_of(agent);
    cli_table_add_coloured(table, COLOUR_BOLD, name);
    cli_table_addf(table, "%ld", agent->order);
    if (agent->max > 0) {
        cli_table_addf(table, "%ld", agent->max);
    } else {
        cli_table_add(table, "-");
    }
    if (agent->standby.most > agent->standby.least) {
        cli_table_addf(table, "%ld to %ld", agent->standby.least, agent->standby.most);
    } else {
        cli_table_addf(table, "%ld", agent->standby.least);
    }
    cli_table_add(table, agent->api_credentials ? "api" : "token");
    cli_table_add(table, stop);
    cli_table_add_coloured(table, agent->broken != NULL ? COLOUR_RED : COLOUR_GREEN,
                           agent->broken != NULL ? "broken" : "good");
    cli_table_add(table, command);
}

static void print_broken(const char *name, const char *why) {
    cleanup_buf struct buf line = {0};
    buf_addf(&line, "%s: ", name);
    text_clean(&line, slice_of(why), WHY_MAX);
    fputs("broken: ", stdout);
    help_print(line.p, strlen("broken: "));
}

static size_t tell_broken(const struct directory *directory) {
    size_t broken = 0;
    const struct agent *template = directory_template(directory);
    if (template != NULL && template->broken != NULL) {
        print_broken("SIP_AGENT_COMMAND", template->broken);
        broken++;
    }
    for (size_t i = 0; i < directory_count(directory); i++) {
        const struct agent *agent = directory_at(directory, i);
        if (agent->broken != NULL) {
            cleanup_buf struct buf name = {0};
            text_escape(&name, slice_of(agent->name), 200);
            print_broken(name.p, agent->broken);
            broken++;
        }
    }
    return broken;
}

static void print_table(const struct directory *directory) {
    static const char *const titles[] = {"AGENT", "ORDER", "MAX", "STANDBY", "CREDENTIALS", "STOP", "STATE", "COMMAND"};
    cleanup_table struct cli_table table;
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    const struct agent *template = directory_template(directory);
    if (template != NULL) {
        add_row(&table, template, "(every name)");
    }
    for (size_t i = 0; i < directory_count(directory); i++) {
        const struct agent *agent = directory_at(directory, i);
        add_row(&table, agent, agent->name);
    }
    cli_table_print(&table);
    (void)tell_broken(directory);
}

/* Names of variables only: their values may be secrets. */
static json_t *env_json(const struct agent *agent) {
    json_t *names = json_array();
    for (char **at = agent->env; *at != NULL; at++) {
        json_array_append_new(names, json_stringn(*at, strcspn(*at, "=")));
    }
    return names;
}

static json_t *agent_json(const struct agent *agent) {
    json_t *object = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s}", "name", agent->name, "id", agent->id, "order",
                               (json_int_t)agent->order, "max", (json_int_t)agent->max, "stop_timeout_ms",
                               (json_int_t)agent->stop_timeout_ms, "after_call_ms", (json_int_t)agent->after_call_ms,
                               "credentials", agent->api_credentials ? "api" : "token");
    json_t *command = json_array();
    for (char **at = agent->command; at != NULL && *at != NULL; at++) {
        json_array_append_new(command, json_string(*at));
    }
    json_object_set_new(object, "command", command);
    json_object_set_new(object, "standby", json_integer(agent->standby.least));
    json_object_set_new(object, "standby_max", json_integer(agent->standby.most));
    json_object_set_new(object, "standby_max_age_ms", json_integer(agent->standby.max_age_ms));
    json_object_set_new(object, "standby_max_rss", json_integer(agent->standby.max_rss));
    json_object_set_new(object, "env", env_json(agent));
    json_object_set_new(object, "cwd", agent->cwd != NULL ? json_string(agent->cwd) : json_null());
    json_object_set_new(object, "broken", agent->broken != NULL ? json_string(agent->broken) : json_null());
    return object;
}

static void print_json(const struct directory *directory) {
    json_t *list = json_array();
    const struct agent *template = directory != NULL ? directory_template(directory) : NULL;
    if (template != NULL) {
        json_array_append_new(list, agent_json(template));
    }
    for (size_t i = 0; directory != NULL && i < directory_count(directory); i++) {
        json_array_append_new(list, agent_json(directory_at(directory, i)));
    }
    json_dumpf(list, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(list);
}

static void say_none(void) {
    puts("There are no agents: set SIP_AGENTS_FILE, STIMM_API_URL or SIP_AGENT_COMMAND, or the hash sip_agents in "
         "Redis.");
}

static int run_list(struct cli *cli) {
    struct agents_options options = {0};
    cleanup_settings struct settings settings = {0};
    cleanup_documents struct documents documents = {0};
    if (!cli_parse(cli, &options) || !cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    documents_load(&settings, &(struct documents_from){0}, &documents);
    const struct fetch_document *document = &documents.fetch.agents;
    if (!documents_good(cli, document, "the agents")) {
        return CLI_FAILED;
    }
    if (options.json) {
        print_json(document->directory);
    } else if (document->directory == NULL) {
        say_none();
    } else {
        print_table(document->directory);
    }
    return CLI_OK;
}

/* So many processes may wait for calls when nobody calls, and at most. */
static void tell_standbys(const struct directory *directory) {
    const struct agent *template = directory_template(directory);
    long least = template != NULL ? template->standby.least : 0, most = least > 0 ? template->standby.most : 0;
    for (size_t i = 0; i < directory_count(directory); i++) {
        const struct agent *agent = directory_at(directory, i);
        bool waits = agent->broken == NULL && agent->standby.least > 0;
        least += waits ? agent->standby.least : 0;
        most += waits ? agent->standby.most : 0;
    }
    if (least > 0) {
        printf("standbys: %ld process%s for calls, at most %ld\n", least, least == 1 ? " waits" : "es wait", most);
    }
}

static int run_check(struct cli *cli) {
    cleanup_settings struct settings settings = {0};
    cleanup_documents struct documents documents = {0};
    if (!cli_parse(cli, NULL) || !cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    struct documents_from from = {.agents_file = cli->argc > 0 ? cli->argv[0] : NULL};
    documents_load(&settings, &from, &documents);
    const struct fetch_document *document = &documents.fetch.agents;
    if (!documents_good(cli, document, "the agents")) {
        return CLI_FAILED;
    }
    if (document->directory == NULL) {
        say_none();
        return CLI_FAILED;
    }
    for (size_t i = 0; i < directory_warnings(document->directory); i++) {
        printf("warning: %s\n", directory_warning(document->directory, i));
    }
    size_t broken = tell_broken(document->directory);
    tell_standbys(document->directory);
    if (directory_template(document->directory) != NULL) {
        fputs(broken == 0 ? "one command for every name (SIP_AGENT_COMMAND): good\n" : "", stdout);
        return broken == 0 ? CLI_OK : CLI_FAILED;
    }
    printf("agents from %s: %zu, broken: %zu, warnings: %zu\n", document->kind, directory_count(document->directory),
           broken, directory_warnings(document->directory));
    return broken == 0 ? CLI_OK : CLI_FAILED;
}

static const struct cli_option list_table[] = {
    {"json", 0, CLI_FLAG, offsetof(struct agents_options, json), NULL, "one JSON array; of variables only the names"},
};
static const struct cli_command list_command = {
    .name = "list",
    .summary = "List the agents; the first that is good answers what no rule matches.",
    .options = list_table,
    .option_count = ARRAY_LEN(list_table),
    .run = run_list,
};
static const struct cli_command check_command = {
    .name = "check",
    .summary = "Check the agents in use, or those in FILE before they are.",
    .arguments = "[FILE]",
    .max_arguments = 1,
    .details = "Programs are looked up as they would be at a call. The exit code is 1 when an agent is broken.",
    .run = run_check,
};
static const struct cli_command *const verbs[] = {&list_command, &check_command, NULL};

const struct cli_command cli_agents = {
    .name = "agents",
    .summary = "Show and check the directory of agents.",
    .verbs = verbs,
};
