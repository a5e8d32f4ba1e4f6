/* sipbridge doctor: looks at everything a call needs, one check a line: what is wrong, what that causes, what repairs
 * it. src/doctor has the checks, the files beside this one look at the world for them. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/keys.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/confirm.h"
#include "cli/doctor/gather.h"
#include "cli/doctor/watch.h"
#include "cli/help.h"
#include "cli/show.h"
#include "doctor/check.h"

enum {
    WAIT_DEFAULT_MS = 6000,
    SHOWN_MAX = 2048,
    DOCUMENTS_TIMEOUT_MS = 2000,
    LEVEL_WIDTH = 10,
    NAME_WIDTH = 18,
    DETAIL_INDENT = 18,
    NARROWEST = 20
};

/* Redis was asked before: what it said then counts. */
static void gather_documents(struct gather *gather) {
    const struct exam_redis *redis = &gather->exam.redis;
    bool away = redis->asked && !redis->reached;
    documents_load(&gather->settings, &(struct documents_from){.timeout_ms = DOCUMENTS_TIMEOUT_MS}, &gather->documents);
    struct fetch_document *both[] = {&gather->documents.fetch.rules, &gather->documents.fetch.agents};
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        if (away && strcmp(both[i]->kind, "redis") == 0) {
            both[i]->diag = redis->failure;
        }
    }
    gather->exam.documents = &gather->documents.fetch;
}

static void gather_keys(struct gather *gather) {
    struct exam_settings *settings = &gather->exam.settings;
    gather->keys = keys_load(&gather->settings, &settings->keys);
    settings->key = gather->keys != NULL ? keyring_name(gather->keys, 0) : NULL;
}

static void gather_all(struct gather *gather) {
    struct exam *exam = &gather->exam;
    exam->settings.values = &gather->settings;
    exam->settings.report = &gather->report;
    exam->settings.good =
        settings_load(&gather->settings, gather->cli->env_file, gather->cli->environment, &gather->report);
    exam->url.url = gather->options.webhook_url;
    if (!exam->settings.good) {
        return;
    }
    gather_keys(gather);
    gather_machine(&gather->settings, &exam->machine);
    gather_redis(&gather->settings, &exam->redis);
    gather_documents(gather);
    watch_daemon(&gather->settings, &exam->daemon);
    gather_url(gather);
    gather_livekit(gather);
    gather_room(gather);
    exam->now_s = clock_wall_ms() / 1000;
}

static void gather_release(struct gather *gather) {
    for (size_t i = 0; i < RESULTS; i++) {
        livekit_result_free(gather->results[i]);
    }
    gather_redis_release(&gather->exam.redis);
    livekit_free(gather->api);
    free(gather->api_url);
    loop_free(gather->loop);
    keyring_free(gather->keys);
    documents_release(&gather->documents);
    settings_release(&gather->settings);
}

/* Commands and lines of YAML are copied: they stay on one line, as they are. */
static bool is_copied(const char *text) {
    return *text == ' ' || strstr(text, "sipbridge ") != NULL || strstr(text, "redis-cli ") != NULL;
}

/* The lines of TEXT, each under LABEL's. */
static void print_detail(const char *label, const char *text) {
    for (const char *line = text; line != NULL;) {
        const char *end = strchr(line, '\n');
        struct slice one = {line, end != NULL ? (size_t)(end - line) : strlen(line)};
        cleanup_buf struct buf shown = {0};
        text_clean(&shown, one, SHOWN_MAX);
        printf("%10s%-8s", "", line == text ? label : "");
        if (shown.p == NULL || is_copied(shown.p)) {
            puts(shown.p != NULL ? shown.p : "");
        } else {
            help_print(shown.p, DETAIL_INDENT);
        }
        line = end != NULL ? end + 1 : NULL;
    }
}

static void print_finding(const struct finding *finding) {
    static const enum cli_colour colours[] = {[FINDING_OK] = COLOUR_GREEN,
                                              [FINDING_WARNING] = COLOUR_YELLOW,
                                              [FINDING_PROBLEM] = COLOUR_RED,
                                              [FINDING_SKIPPED] = COLOUR_DIM};
    cleanup_buf struct buf shown = {0};
    text_clean(&shown, slice_of(finding->what), SHOWN_MAX);
    printf("%s%-9s%s %-*s ", cli_colour(colours[finding->level]), finding_level_name(finding->level),
           cli_colour(COLOUR_NONE), NAME_WIDTH, finding->check);
    help_print(shown.p, LEVEL_WIDTH + NAME_WIDTH + 1);
    if (finding->causes != NULL) {
        print_detail("causes", finding->causes);
    }
    if (finding->repair != NULL) {
        print_detail("repair", finding->repair);
    }
}

static void print_text(const struct findings *findings) {
    for (size_t i = 0; i < findings_count(findings); i++) {
        print_finding(findings_at(findings, i));
    }
    size_t problems = findings_total(findings, FINDING_PROBLEM), warnings = findings_total(findings, FINDING_WARNING);
    size_t good = findings_total(findings, FINDING_OK), unchecked = findings_total(findings, FINDING_SKIPPED);
    printf("\n%zu problem%s, %zu warning%s, %zu good, %zu not checked\n", problems, problems == 1 ? "" : "s", warnings,
           warnings == 1 ? "" : "s", good, unchecked);
}

static json_t *text_or_null(const char *text) {
    return text != NULL ? json_string(text) : json_null();
}

static void print_json(const struct findings *findings) {
    json_t *list = json_array();
    for (size_t i = 0; i < findings_count(findings); i++) {
        const struct finding *finding = findings_at(findings, i);
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:o}", "check", finding->check, "level",
                                              finding_level_name(finding->level), "what", text_or_null(finding->what),
                                              "causes", text_or_null(finding->causes), "repair",
                                              text_or_null(finding->repair)));
    }
    json_t *all =
        json_pack("{s:o, s:I, s:I}", "checks", list, "problems", (json_int_t)findings_total(findings, FINDING_PROBLEM),
                  "warnings", (json_int_t)findings_total(findings, FINDING_WARNING));
    show_json(all);
}

static int fix(const struct gather *gather) {
    size_t count = gather->exam.redis.json_count;
    if (count == 0) {
        fputs("--fix: there is nothing to delete\n", stderr);
        return CLI_OK;
    }
    int said = confirm(gather->cli, gather->options.yes, "Delete %zu field%s with JSON from LiveKit's hashes in Redis?",
                       count, count == 1 ? "" : "s");
    return said == CLI_OK ? gather_redis_fix(gather) : said;
}

static int tell(const struct gather *gather) {
    struct findings *findings = findings_new();
    doctor_judge(&gather->exam, findings);
    if (gather->options.json) {
        print_json(findings);
    } else {
        print_text(findings);
    }
    int code = findings_total(findings, FINDING_PROBLEM) > 0 ? CLI_FAILED : CLI_OK;
    findings_free(findings);
    if (!gather->exam.settings.good || gather->exam.settings.keys.what[0] != '\0') {
        return CLI_USAGE;
    }
    int fixed = gather->options.fix ? fix(gather) : CLI_OK;
    return fixed != CLI_OK ? fixed : code;
}

static int run(struct cli *cli) {
    struct gather *gather = xcalloc(1, sizeof *gather);
    const struct log_options quiet = {.fd = STDERR_FILENO, .level = LOG_ERROR};
    gather->cli = cli;
    gather->options.wait_ms = WAIT_DEFAULT_MS;
    gather->started = clock_mono_ms();
    int code = CLI_USAGE;
    if (cli_parse(cli, &gather->options)) {
        log_init(&quiet);
        gather_all(gather);
        code = CLI_FAILED;
        if (gather->interrupted) {
            cli_error(cli, "interrupted; the throw-away room is deleted");
        } else {
            code = tell(gather);
        }
    }
    gather_release(gather);
    free(gather);
    return code;
}

static const struct cli_option options_table[] = {
    {"json", 0, CLI_FLAG, offsetof(struct doctor_options, json), NULL, "one JSON object"},
    {"webhook-url", 0, CLI_TEXT, offsetof(struct doctor_options, webhook_url), "URL",
     "send a signed event that starts nothing to URL, as LiveKit would, through whatever proxy is there"},
    {"webhook-ca", 0, CLI_TEXT, offsetof(struct doctor_options, webhook_ca), "FILE",
     "a PEM file with the only authorities to trust for an https:// URL (default: the system's)"},
    {"wait", 0, CLI_DURATION, offsetof(struct doctor_options, wait_ms), "TIME",
     "how long to wait for LiveKit's webhook, and for a worker of its own agents (default 6s)"},
    {"fix", 0, CLI_FLAG, offsetof(struct doctor_options, fix), NULL,
     "delete the JSON found in LiveKit's hashes in Redis, after asking"},
    CONFIRM_OPTION(doctor_options, yes),
};

const struct cli_command cli_doctor = {
    .name = "doctor",
    .summary = "Check everything that a call needs: what is wrong, what that causes, what repairs it.",
    .options = options_table,
    .option_count = ARRAY_LEN(options_table),
    .details =
        "One check a line: ok, warning, problem, or unchecked with the reason. Run it with the settings of the bridge, "
        "on its machine, while it runs. It makes a room in LiveKit whose name begins with sipbridge-doctor- and "
        "deletes "
        "it again. The exit code is 0 when there is no problem (warnings are allowed), 1 when there is one, 2 when the "
        "settings are wrong. doc/doctor.md lists the checks.",
    .run = run,
};
