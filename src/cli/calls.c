/* sipbridge calls: the calls in progress, and what the agent of a call wrote. The output is read from its file, so it
 * can be read when the bridge is down and long after the call. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/calls_kept.h"
#include "cli/confirm.h"
#include "cli/remote.h"
#include "cli/show.h"
#include "spawner/local/output.h"
#include "spawner/local/reader.h"

/* A replacement of a crashed agent writes to the same file, or to one that takes its place: it is the end only when nobody
 * held it for this long. */
enum { LOOK_MS = 500, QUIET_LOOKS = 3 };

struct list_options {
    bool json;
    const char *url;
};

static int print_list(const struct cli *cli, const struct buf *body, bool as_json) {
    json_error_t error;
    json_t *status = json_loadb(body->p, body->len, 0, &error);
    const json_t *calls = json_object_get(status, "calls");
    if (!json_is_array(calls)) {
        cli_error(cli, "the answer is no status of sipbridge: %s", status == NULL ? error.text : "no list of calls");
        json_decref(status);
        return CLI_FAILED;
    }
    if (as_json) {
        show_json(json_incref((json_t *)calls));
    } else {
        remote_print_calls(calls);
    }
    json_decref(status);
    return CLI_OK;
}

static int run_list(struct cli *cli) {
    struct list_options options = {0};
    cleanup_settings struct settings settings = {0};
    cleanup_buf struct buf body = {0};
    if (!cli_parse(cli, &options) || !cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    int code = remote_status(cli, &settings, options.url, &body);
    return code == CLI_OK ? print_list(cli, &body, options.json) : code;
}

struct logs_options {
    bool follow;
    char *directory;
    const char *sid;
};

static void print_line(void *context, const char *line) {
    (void)context;
    puts(line);
}

/* Tells what is new; false when nobody reads us any more (a closed pager). */
static bool print_new(struct reader *reader) {
    reader_new_lines(reader, print_line, NULL);
    return fflush(stdout) == 0;
}

/* Waits for a change of the file, at most LOOK_MS. */
static void wait_change(int inotify) {
    char events[4096];
    struct pollfd wait = {.fd = inotify, .events = POLLIN};
    if (poll(&wait, 1, LOOK_MS) > 0) {
        while (read(inotify, events, sizeof events) > 0) {
        }
    }
}

static bool follow(struct reader *reader, int inotify) {
    for (int quiet = 0; quiet < QUIET_LOOKS;) {
        off_t before = reader->at;
        bool is_final = output_is_final(reader->fd); /* asked first: what was written before its end is then read */
        if (!print_new(reader)) {
            return false;
        }
        quiet = is_final && reader->at == before ? quiet + 1 : 0;
        if (quiet < QUIET_LOOKS) {
            wait_change(inotify);
        }
    }
    return true;
}

/* All of the file of READER that there is, or will be. */
static bool print_file(struct reader *reader, const struct logs_options *options) {
    cleanup_free char *link = xasprintf("/proc/self/fd/%d", reader->fd);
    cleanup_fd int inotify = options->follow ? inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1;
    if (inotify >= 0 && inotify_add_watch(inotify, link, IN_MODIFY | IN_CLOSE_WRITE) < 0) {
        close(take_fd(inotify)); /* no watches left: looked at every LOOK_MS then */
    }
    bool good = options->follow ? follow(reader, inotify) : print_new(reader);
    if (good) {
        reader_rest(reader, print_line, NULL);
        good = fflush(stdout) == 0;
    }
    return good;
}

/* What earlier processes of the call wrote, where the next one was a standby with a file of its own. */
static bool print_parts(const struct logs_options *options) {
    static const struct logs_options at_once = {.follow = false};
    bool good = true;
    for (unsigned part = 1; good && part <= OUTPUT_PARTS; part++) {
        struct reader reader;
        if (reader_open_part(&reader, options->directory, options->sid, part)) {
            good = print_file(&reader, &at_once);
            reader_close(&reader);
        }
    }
    return good;
}

/* READER's file, and those that take its place while it is followed. */
static bool print_newest(struct reader *reader, const struct logs_options *options) {
    bool good = print_file(reader, options);
    while (good && options->follow && !output_is_newest(options->directory, options->sid, reader->fd)) {
        reader_close(reader);
        good = reader_open(reader, options->directory, options->sid, NULL) && print_file(reader, options);
    }
    return good;
}

static int print_logs(const struct cli *cli, struct reader *reader, const struct logs_options *options) {
    bool good = print_parts(options) && print_newest(reader, options);
    if (!good && errno != EPIPE) {
        cli_error(cli, "standard output cannot be written: %m");
    }
    return good ? CLI_OK : CLI_FAILED;
}

static bool check_sid(const struct cli *cli, const char *sid) {
    if (!text_is_sid(slice_of(sid))) {
        cli_error(cli, "%s is no call sid: letters, digits and _ only, as in RM_AbCdEf; calls list shows them", sid);
        return false;
    }
    return true;
}

static int run_logs(struct cli *cli) {
    struct logs_options options = {0};
    cleanup_settings struct settings settings = {0};
    struct diag diag;
    if (!cli_parse(cli, &options) || !cli_settings(cli, &settings) ||
        (cli->argc > 0 && !check_sid(cli, cli->argv[0]))) {
        return CLI_USAGE;
    }
    cleanup_free char *directory = xasprintf("%s/calls", settings.state_dir);
    options.directory = directory;
    options.sid = cli->argc > 0 ? cli->argv[0] : NULL;
    if (cli->argc == 0) {
        calls_kept_print(directory);
        return CLI_OK;
    }
    struct reader reader;
    if (!reader_open(&reader, directory, cli->argv[0], &diag)) {
        if (errno == ENOENT) {
            diag_fail(&diag, cli->argv[0],
                      "no output is kept of that call in %s (SIP_LOG_KEEP, SIP_STATE_DIR); "
                      "`sipbridge calls logs` lists those that have some",
                      directory);
        }
        return cli_fail(cli, &diag);
    }
    int code = print_logs(cli, &reader, &options);
    reader_close(&reader);
    return code;
}

struct stop_options {
    bool yes, json;
    const char *url;
};

static void tell_unknown(const struct cli *cli, const char *sid) {
    cli_error(cli, "the running bridge has no call %s in progress; `sipbridge calls list` shows them", sid);
}

/* What the bridge said of it, for people. */
static int tell_stop(const struct cli *cli, const char *sid, const struct remote_answer *answer, bool as_json) {
    bool stopping = answer->status == 200;
    if (as_json) {
        show_json(json_pack("{s:s, s:b}", "call", sid, "stopping", (int)stopping));
    } else if (stopping) {
        printf("call %s is being ended: its agent is told to stop, its room deleted\n", sid);
    }
    if (answer->status == 404) {
        tell_unknown(cli, sid);
    } else if (!stopping) {
        cli_error(cli, "the running bridge answered %d%s", answer->status,
                  answer->status == 401 ? ": the keys in your settings are not its own" : "");
    }
    return stopping ? CLI_OK : CLI_FAILED;
}

static int stop(const struct cli *cli, const char *sid, const struct stop_options *options,
                const struct settings *settings) {
    cleanup_free char *path = xasprintf("/api/calls/%s/stop", sid);
    const struct remote_wish wish = {.where = options->url, .path = path};
    struct remote_answer answer = {0};
    struct diag diag;
    bool answered = remote_post(settings, &wish, &answer, &diag);
    int code = answered ? tell_stop(cli, sid, &answer, options->json) : cli_fail(cli, &diag);
    buf_release(&answer.body);
    return code;
}

/* Before anything is asked. A status that cannot be had is no reason: the bridge itself will tell. */
static bool is_there(const struct cli *cli, const struct stop_options *options, const struct settings *settings) {
    struct diag diag;
    cleanup_buf struct buf body = {0};
    if (!remote_ask_status(settings, options->url, &body, &diag)) {
        return true;
    }
    json_auto_t *status = json_loadb(body.p, body.len, 0, NULL);
    const json_t *calls = json_object_get(status, "calls");
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const char *sid = json_string_value(json_object_get(json_array_get(calls, i), "sid"));
        if (sid != NULL && strcmp(sid, cli->argv[0]) == 0) {
            return true;
        }
    }
    if (json_is_array(calls)) {
        tell_unknown(cli, cli->argv[0]);
    }
    return !json_is_array(calls);
}

static int run_stop(struct cli *cli) {
    struct stop_options options = {0};
    cleanup_settings struct settings settings = {0};
    struct diag diag;
    if (!cli_parse(cli, &options) || !cli_settings(cli, &settings) || !check_sid(cli, cli->argv[0])) {
        return CLI_USAGE;
    }
    if (!settings_need_keys(&settings, &diag)) {
        (void)cli_fail(cli, &diag);
        return CLI_USAGE;
    }
    if (!options.yes && !is_there(cli, &options, &settings)) {
        return CLI_FAILED;
    }
    int code = confirm(cli, options.yes, "End the call %s and hang up?", cli->argv[0]);
    return code == CLI_OK ? stop(cli, cli->argv[0], &options, &settings) : code;
}

static const struct cli_option list_table[] = {
    {"json", 0, CLI_FLAG, offsetof(struct list_options, json), NULL, "an array, as in the status"},
    {"url", 0, CLI_TEXT, offsetof(struct list_options, url), "URL",
     "the whole URL of the status, or an address as in SIP_ADMIN_LISTEN (default: its first)"},
};
static const struct cli_option logs_table[] = {
    {"follow", 'f', CLI_FLAG, offsetof(struct logs_options, follow), NULL, "go on until no agent writes any more"},
};

static const struct cli_option stop_table[] = {
    CONFIRM_OPTION(stop_options, yes),
    {"json", 0, CLI_FLAG, offsetof(struct stop_options, json), NULL, "one JSON object"},
    REMOTE_OPTION(stop_options, url),
};

static const struct cli_command list_command = {
    .name = "list",
    .summary = "List the calls in progress.",
    .options = list_table,
    .option_count = ARRAY_LEN(list_table),
    .run = run_list,
};
static const struct cli_command logs_command = {
    .name = "logs",
    .summary = "Print what the agents of the call SID wrote; without SID, list the calls that have output.",
    .arguments = "[SID]",
    .max_arguments = 1,
    .options = logs_table,
    .option_count = ARRAY_LEN(logs_table),
    .details =
        "Reads the file in SIP_STATE_DIR: run it as the user of the bridge. Control characters are escaped, tokens "
        "replaced; what SIP_LOG_MAX removed is said.",
    .run = run_logs,
};
static const struct cli_command stop_command = {
    .name = "stop",
    .summary = "End the call SID: stop its agent and hang up.",
    .arguments = "SID",
    .min_arguments = 1,
    .max_arguments = 1,
    .options = stop_table,
    .option_count = ARRAY_LEN(stop_table),
    .details = "The running bridge does it, as if the last caller had left; with SIP_CLOSE_ROOM=false the room stays.",
    .run = run_stop,
};
static const struct cli_command *const verbs[] = {&list_command, &logs_command, &stop_command, NULL};

const struct cli_command cli_calls = {
    .name = "calls",
    .summary = "List and end the calls in progress; print what their agents wrote.",
    .verbs = verbs,
};
