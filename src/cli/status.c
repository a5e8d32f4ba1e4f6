/* sipbridge status: what the running bridge says of itself, as tables. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/remote.h"
#include "cli/watch.h"

struct status_options {
    bool json, watch;
    const char *url;
};

static const char *plain_text(const json_t *value) {
    const char *text = json_string_value(value);
    return text != NULL ? text : "";
}

static const char *text_of(const json_t *object, const char *name) {
    return plain_text(json_object_get(object, name));
}

static int64_t number_of(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

static void add_pair(struct cli_table *table, const char *name, enum cli_colour colour, const char *text) {
    cli_table_add_coloured(table, COLOUR_BOLD, name);
    cli_table_add_coloured(table, colour, text);
}

static void add_bridge(struct cli_table *table, const json_t *status) {
    bool running = json_is_true(json_object_get(status, "running"));
    bool enabled = json_is_true(json_object_get(status, "enabled"));
    int64_t processes = number_of(status, "process_count");
    char uptime[24];
    text_duration_format(number_of(status, "uptime_s") * 1000, uptime);
    cleanup_free char *text = xasprintf("%s, version %s, up %s, %" PRId64 " agent process%s",
                                        !enabled ? "disabled" : (running ? "running" : "not running"),
                                        text_of(status, "version"), uptime, processes, processes == 1 ? "" : "es");
    add_pair(table, "bridge", running ? COLOUR_GREEN : COLOUR_YELLOW, text);
    if (*text_of(status, "message") != '\0') {
        add_pair(table, "", COLOUR_NONE, text_of(status, "message"));
    }
    if (*text_of(status, "remedy") != '\0') {
        add_pair(table, "", COLOUR_YELLOW, text_of(status, "remedy"));
    }
}

/* What is wrong inside a document that is in use: rules' warnings (texts), broken agents (name -> why). */
static void add_notes(struct cli_table *table, const json_t *notes) {
    size_t i;
    const char *name;
    json_t *note;
    json_array_foreach(notes, i, note) {
        add_pair(table, "", COLOUR_YELLOW, plain_text(note));
    }
    json_object_foreach((json_t *)notes, name, note) {
        cleanup_free char *text = xasprintf("%s is broken: %s", name, plain_text(note));
        add_pair(table, "", COLOUR_YELLOW, text);
    }
}

/* "3 from redis", and its error. */
static void add_document(struct cli_table *table, const char *name, const json_t *document) {
    if (!json_is_object(document)) {
        return;
    }
    cleanup_buf struct buf text = {0};
    const char *error = text_of(document, "error");
    buf_addf(&text, "%" PRId64 " from %s", number_of(document, "count"), text_of(document, "source"));
    const json_t *loaded = json_object_get(document, "loaded_at");
    if (json_is_string(loaded)) {
        buf_addf(&text, ", loaded %s", json_string_value(loaded));
    }
    if (*error != '\0') {
        buf_addf(&text, "%s%s", json_is_string(loaded) ? "; since then: " : ": ", error);
    }
    add_pair(table, name, *error != '\0' ? COLOUR_YELLOW : COLOUR_NONE, text.p);
    add_notes(table, json_object_get(document, "warnings"));
    add_notes(table, json_object_get(document, "broken"));
}

static void add_peer(struct cli_table *table, const char *name, const json_t *peer) {
    if (!json_is_object(peer)) {
        return;
    }
    const char *error = text_of(peer, "error");
    cleanup_free char *text = xasprintf("%s%s%s", text_of(peer, "state"), *error != '\0' ? ": " : "", error);
    add_pair(table, name, *error != '\0' ? COLOUR_RED : COLOUR_NONE, text);
}

/* "received 4, verified 3, …, rejected expired 1". */
static void add_webhooks(struct cli_table *table, const json_t *webhooks) {
    static const char *const counters[] = {"received", "verified", "ignored",   "duplicate",
                                           "invalid",  "refused",  "bad_method"};
    cleanup_buf struct buf text = {0};
    for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
        buf_addf(&text, "%s%s %" PRId64, i > 0 ? ", " : "", counters[i], number_of(webhooks, counters[i]));
    }
    const char *reason;
    json_t *count;
    bool rejected = false;
    json_object_foreach(json_object_get(webhooks, "rejected"), reason, count) {
        if (json_integer_value(count) > 0) {
            buf_addf(&text, ", rejected %s %" JSON_INTEGER_FORMAT, reason, json_integer_value(count));
            rejected = true;
        }
    }
    add_pair(table, "webhooks", rejected ? COLOUR_YELLOW : COLOUR_NONE, text.p);
}

/* "50 of 50", or "50" where there is no limit. */
static void add_use(struct buf *text, const char *what, const json_t *use) {
    int64_t most = number_of(use, "max");
    buf_addf(text, "%s%s %" PRId64, text->len > 0 ? ", " : "", what, number_of(use, "now"));
    if (most > 0) {
        buf_addf(text, " of %" PRId64, most);
    }
}

static void add_limits(struct cli_table *table, const json_t *limits) {
    if (!json_is_object(limits)) {
        return;
    }
    cleanup_buf struct buf text = {0};
    const json_t *memory = json_object_get(limits, "memory");
    const json_t *pressure = json_object_get(memory, "now");
    bool reached = *text_of(limits, "reached") != '\0';
    add_use(&text, "calls", json_object_get(limits, "calls"));
    add_use(&text, "starts within a second", json_object_get(limits, "starts"));
    if (json_is_number(pressure)) {
        buf_addf(&text, ", memory pressure %.2f %% of %" PRId64 " %%", json_number_value(pressure),
                 number_of(memory, "max"));
    }
    const char *limit;
    json_t *count;
    json_object_foreach(json_object_get(limits, "refused"), limit, count) {
        if (json_integer_value(count) > 0) {
            buf_addf(&text, ", hung up for %s %" JSON_INTEGER_FORMAT, limit, json_integer_value(count));
        }
    }
    add_pair(table, "limits", reached ? COLOUR_YELLOW : COLOUR_NONE, text.p);
}

static void add_circuits(struct cli_table *table, const json_t *circuits) {
    const char *name;
    json_t *circuit;
    json_object_foreach((json_t *)circuits, name, circuit) {
        if (strcmp(text_of(circuit, "state"), "closed") == 0) {
            continue;
        }
        int64_t seconds = (number_of(circuit, "tried_in_ms") + 999) / 1000;
        cleanup_buf struct buf text = {0};
        buf_addf(&text, "%s failed %" PRId64 " times in a row: ", name, number_of(circuit, "failures"));
        if (seconds > 0) {
            buf_addf(&text, "tried again in %" PRId64 " s", seconds);
        } else {
            buf_adds(&text, "one call tries it");
        }
        add_pair(table, "", COLOUR_YELLOW, text.p);
    }
}

/* Only where one is wanted. */
static void add_call_log(struct cli_table *table, const json_t *log) {
    const char *state = text_of(log, "state"), *error = text_of(log, "error");
    cleanup_buf struct buf text = {0};
    if (log == NULL || strcmp(state, "not kept") == 0) {
        return;
    }
    int64_t lines = number_of(log, "lines");
    buf_addf(&text, "%s, %" PRId64 " line%s", state, lines, lines == 1 ? "" : "s");
    if (number_of(log, "waiting") > 0 || number_of(log, "lost") > 0) {
        buf_addf(&text, ", %" PRId64 " wait, %" PRId64 " lost", number_of(log, "waiting"), number_of(log, "lost"));
    }
    if (error[0] != '\0') {
        buf_addf(&text, ": %s", error);
    }
    add_pair(table, "call log", strcmp(state, "failing") == 0 ? COLOUR_RED : COLOUR_NONE, text.p);
}

/* "support: 2 of 2 to 4 ready, 1 starting (850 ms); calls 12, without one 0". */
static void add_standbys(struct cli_table *table, const json_t *standbys) {
    const char *agent, *title = "standbys";
    json_t *of;
    json_object_foreach((json_t *)standbys, agent, of) {
        const char *error = text_of(of, "error");
        cleanup_buf struct buf text = {0};
        buf_addf(&text,
                 "%s: %" PRId64 " ready of %" PRId64 " wanted (%" PRId64 " to %" PRId64 "), %" PRId64 " starting",
                 agent, number_of(of, "ready"), number_of(of, "wanted"), number_of(of, "least"), number_of(of, "most"),
                 number_of(of, "starting"));
        if (json_is_integer(json_object_get(of, "start_ms"))) {
            buf_addf(&text, ", each in %" PRId64 " ms", number_of(of, "start_ms"));
        }
        buf_addf(&text, "; calls that got one %" PRId64 ", that found none %" PRId64, number_of(of, "handed_over"),
                 number_of(of, "missed"));
        if (*error != '\0') {
            buf_addf(&text, "; one %s", error);
        }
        add_pair(table, title, *error != '\0' ? COLOUR_YELLOW : COLOUR_NONE, text.p);
        title = "";
    }
}

static void add_parts(struct cli_table *table, const json_t *status) {
    add_document(table, "rules", json_object_get(status, "rules"));
    add_document(table, "agents", json_object_get(status, "agents"));
    add_circuits(table, json_object_get(status, "circuits"));
    add_standbys(table, json_object_get(status, "standbys"));
    add_limits(table, json_object_get(status, "limits"));
    add_peer(table, "redis", json_object_get(status, "redis"));
    if (strcmp(text_of(json_object_get(status, "stimm"), "state"), "not configured") != 0) {
        add_peer(table, "stimm", json_object_get(status, "stimm"));
    }
    add_peer(table, "livekit", json_object_get(status, "livekit"));
    add_webhooks(table, json_object_get(status, "webhooks"));
    add_call_log(table, json_object_get(status, "call_log"));
}

static void print_pairs(const json_t *status, void (*first)(struct cli_table *table, const json_t *status),
                        void (*then)(struct cli_table *table, const json_t *status)) {
    cleanup_table struct cli_table table;
    cli_table_init(&table, NULL, 2);
    table.wraps = true;
    first(&table, status);
    if (then != NULL) {
        then(&table, status);
    }
    cli_table_print(&table);
}

/* What the record is about, unless the message names it. */
static void add_about(struct buf *out, const json_t *error, const char *name) {
    const char *value = text_of(error, name);
    if (*value != '\0' && strstr(text_of(error, "message"), value) == NULL) {
        buf_addf(out, "%s%s %s", out->len > 0 ? ", " : "", name, value);
    }
}

static void add_error(struct cli_table *table, const json_t *error) {
    cleanup_buf struct buf about = {0};
    add_about(&about, error, "agent");
    add_about(&about, error, "call");
    const char *message = text_of(error, "message");
    cleanup_free char *text = about.len > 0 ? xasprintf("%s (%s)", message, about.p) : xstrdup(message);
    cli_table_add_coloured(table, COLOUR_DIM, text_of(error, "at"));
    cli_table_add(table, text);
}

static void print_errors(const json_t *errors) {
    cleanup_table struct cli_table table;
    cli_table_init(&table, NULL, 2);
    table.wraps = true;
    for (size_t i = 0; i < json_array_size(errors); i++) {
        add_error(&table, json_array_get(errors, i));
    }
    if (json_array_size(errors) > 0) {
        printf("\nlast errors and warnings\n");
        cli_table_print(&table);
    }
}

static void print_all(const json_t *status) {
    print_pairs(status, add_bridge, add_parts);
    putchar('\n');
    remote_print_calls(json_object_get(status, "calls"));
    print_errors(json_object_get(status, "errors"));
}

/* Those whose caller hears no agent before those that talk. */
static json_t *waiting_first(const json_t *calls) {
    json_t *sorted = json_array(), *call;
    for (int talks = 0; talks <= 1; talks++) {
        size_t i;
        json_array_foreach(calls, i, call) {
            if ((strcmp(text_of(call, "state"), "talking") == 0) == talks) {
                json_array_append(sorted, call);
            }
        }
    }
    return sorted;
}

/* The same in the order of what has to be seen: a terminal shows as much of it as has room. */
static void print_watched(const json_t *status) {
    json_t *calls = waiting_first(json_object_get(status, "calls"));
    print_pairs(status, add_bridge, NULL);
    putchar('\n');
    remote_print_calls(calls);
    json_decref(calls);
    print_errors(json_object_get(status, "errors"));
    putchar('\n');
    print_pairs(status, add_parts, NULL);
}

static json_t *parse_status(const struct buf *body, struct diag *diag) {
    json_error_t error;
    json_t *status = json_loadb(body->p, body->len, 0, &error);
    if (!json_is_object(status)) {
        (void)diag_fail(diag, "", "the answer is no status of sipbridge: %s",
                        status == NULL ? error.text : "not an object");
        json_decref(status);
        return NULL;
    }
    return status;
}

static int print_status(const struct cli *cli, const struct buf *body) {
    struct diag diag = {0};
    json_t *status = parse_status(body, &diag);
    if (status == NULL) {
        return cli_fail(cli, &diag);
    }
    print_all(status);
    json_decref(status);
    return CLI_OK;
}

struct asking {
    const struct settings *settings;
    const char *url;
};

static json_t *ask_again(void *context, struct diag *diag) {
    const struct asking *asking = context;
    cleanup_buf struct buf body = {0};
    return remote_try_status(asking->settings, asking->url, &body, diag) ? parse_status(&body, diag) : NULL;
}

static int show(const struct cli *cli, const struct status_options *options, const struct settings *settings) {
    cleanup_buf struct buf body = {0};
    int code = remote_status(cli, settings, options->url, &body);
    if (code != CLI_OK) {
        return code;
    }
    if (!options->json) {
        return print_status(cli, &body);
    }
    fwrite(body.p, 1, body.len, stdout);
    fputs(body.len > 0 && body.p[body.len - 1] != '\n' ? "\n" : "", stdout);
    return CLI_OK;
}

static int run(struct cli *cli) {
    struct status_options options = {0};
    cleanup_settings struct settings settings = {0};
    if (!cli_parse(cli, &options) || !cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    if (options.watch && options.json) {
        cli_error(cli, "--watch and --json do not go together: --json is the answer of one moment");
        return CLI_USAGE;
    }
    if (options.watch) {
        struct asking asking = {&settings, options.url};
        return watch_run(&(struct watch){.context = &asking, .ask = ask_again, .print = print_watched});
    }
    return show(cli, &options, &settings);
}

static const struct cli_option options_table[] = {
    {"json", 0, CLI_FLAG, offsetof(struct status_options, json), NULL, "the answer as it came"},
    {"watch", 'w', CLI_FLAG, offsetof(struct status_options, watch), NULL,
     "anew every second, until q; piped: a line for each change"},
    {"url", 0, CLI_TEXT, offsetof(struct status_options, url), "URL",
     "the whole URL, or an address as in SIP_ADMIN_LISTEN (default: its first)"},
};

const struct cli_command cli_status = {
    .name = "status",
    .summary = "Show what the running bridge does: calls, rules, agents, Redis, webhooks, last errors.",
    .options = options_table,
    .option_count = ARRAY_LEN(options_table),
    .details =
        "Of the webhooks, `verified` were LiveKit's: `ignored` ones are of no call of ours, `duplicate` ones came "
        "before, `invalid` ones are no event (400), `refused` ones came when there was no room for them (503: LiveKit "
        "sends them again). `bad_method` were no POST (405), `rejected` ones not LiveKit's, or not signed with a key "
        "of ours (401), each with its reason: `sipbridge verify` tells more of a captured one.",
    .run = run,
};
