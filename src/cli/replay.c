/* sipbridge replay: sends recorded webhooks again, as LiveKit would: in order, in their rhythm, signed with our key. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "app/keys.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/documents.h"
#include "cli/dry_run.h"
#include "cli/progress.h"
#include "cli/recording.h"
#include "cli/retell.h"
#include "cli/target.h"
#include "http/client.h"
#include "livekit/token.h"

enum { ANSWER_TIMEOUT_MS = 10000, ANSWER_MAX = 65536 };

struct replay_options {
    const char *url;
    double speed;
    bool as_recorded, dry_run;
};

struct replay {
    const struct cli *cli;
    struct replay_options options;
    struct keyring *keys;
    struct http_client *client;
    struct target target;
    size_t total, sent, accepted;
    int64_t start_us; /* CLOCK_MONOTONIC, of the recording being played */
    int64_t start_ms; /* wall clock */
    struct progress progress;
};

/* Waits until AT_US on CLOCK_MONOTONIC; returns at once when that has passed. */
static void wait_until(int64_t at_us) {
    struct timespec at = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

/* One line per webhook: seconds since the start, the answer, how long it took, what it was. */
static void print_sent(struct replay *replay, int64_t sent_us, int status, struct slice body) {
    cleanup_buf struct buf what = {0};
    retell_summary(body, &what);
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, buf_slice(&what), 200);
    progress_clear(&replay->progress);
    printf("%8.3f s  %d  %6.1f ms  %s\n", (double)(sent_us - replay->start_us) / 1e6, status,
           (double)(clock_mono_us() - sent_us) / 1e3, shown.p);
    fflush(stdout);
    progress_show(&replay->progress, replay->sent, replay->total, "");
}

static bool send_one(struct replay *replay, struct slice body, struct diag *diag) {
    cleanup_free char *token = token_for_webhook(replay->keys, body, clock_wall_ms() / 1000);
    cleanup_buf struct buf answer = {0};
    struct http_call call = {
        .method = "POST",
        .url = replay->target.url,
        .unix_socket = replay->target.unix_socket,
        .authorization = token,
        .content_type = "application/webhook+json",
        .body = body,
        .timeout_ms = ANSWER_TIMEOUT_MS,
        .max_answer = ANSWER_MAX,
    };
    int status = 0;
    int64_t sent_us = clock_mono_us();
    if (!http_client_call(replay->client, &call, &status, &answer, diag)) {
        return false;
    }
    replay->sent++;
    replay->accepted += status / 100 == 2;
    print_sent(replay, sent_us, status, body);
    return true;
}

/* The moment of the recording that becomes now: LiveKit's word on the first event that has a time. */
static int64_t recorded_start_ms(const struct recording *recording) {
    for (size_t i = 0; i < recording->count; i++) {
        int64_t created_ms = retell_created_ms(recording->items[i].body);
        if (created_ms > 0) {
            return created_ms;
        }
    }
    return 0;
}

static bool play_item(struct replay *replay, struct retell *retell, const struct retell_clock *clock,
                      const struct recorded *item) {
    cleanup_buf struct buf told = {0};
    struct diag diag = {0};
    struct slice body = item->body;
    if (!replay->options.as_recorded) {
        if (!retell_body(retell, item->body, clock, &told, &diag)) {
            return cli_fail(replay->cli, &diag) == CLI_OK;
        }
        body = buf_slice(&told);
    }
    if (!send_one(replay, body, &diag)) {
        progress_clear(&replay->progress);
        return cli_fail(replay->cli, &diag) == CLI_OK;
    }
    return true;
}

static bool play(struct replay *replay, const struct recording *recording) {
    struct retell *retell = retell_new();
    for (size_t i = 0; i < recording->count; i++) {
        retell_learn(retell, recording->items[i].body);
    }
    replay->start_us = clock_mono_us();
    struct retell_clock clock = {recorded_start_ms(recording), clock_wall_ms(), replay->options.speed};
    bool good = true;
    for (size_t i = 0; i < recording->count && good; i++) {
        double offset_us = (double)(recording->items[i].at_ms - recording->items[0].at_ms) * 1000 / clock.speed;
        wait_until(replay->start_us + (int64_t)offset_us);
        good = play_item(replay, retell, &clock, &recording->items[i]);
    }
    retell_free(retell);
    return good;
}

static bool load_all(struct replay *replay, struct recording *recordings) {
    for (int i = 0; i < replay->cli->argc; i++) {
        struct diag diag = {0};
        if (!recording_load(&recordings[i], replay->cli->argv[i], &diag)) {
            cli_fail(replay->cli, &diag);
            return false;
        }
        replay->total += recordings[i].count;
    }
    return true;
}

static bool play_all(struct replay *replay) {
    size_t count = (size_t)replay->cli->argc;
    struct recording *recordings = xcalloc(count, sizeof *recordings);
    bool good = load_all(replay, recordings);
    for (size_t i = 0; i < count && good; i++) {
        good = play(replay, &recordings[i]);
    }
    for (size_t i = 0; i < count; i++) {
        recording_release(&recordings[i]);
    }
    free(recordings);
    return good;
}

static bool dry_run_all(const struct replay *replay, const struct settings *settings, const struct fetch *documents) {
    bool good = true;
    for (int i = 0; i < replay->cli->argc && good; i++) {
        struct recording recording = {0};
        struct diag diag = {0};
        good = recording_load(&recording, replay->cli->argv[i], &diag) || cli_fail(replay->cli, &diag) == CLI_OK;
        good = good && dry_run(replay->cli, settings, documents, &recording);
        recording_release(&recording);
    }
    return good;
}

/* The records of the bridge's log would only say the same again. */
static int run_dry(const struct replay *replay, const struct settings *settings) {
    struct log_options quiet = {.fd = STDERR_FILENO, .level = LOG_ERROR};
    log_init(&quiet);
    struct documents cleanup_documents documents = {0};
    const struct documents_from from = {0};
    documents_load(settings, &from, &documents);
    bool good = documents_good(replay->cli, &documents.fetch.rules, "the rules");
    good = documents_good(replay->cli, &documents.fetch.agents, "the agents") && good;
    good = good && dry_run_all(replay, settings, &documents.fetch);
    return good ? CLI_OK : CLI_FAILED;
}

static int finish(struct replay *replay, bool good, int64_t since_us) {
    progress_clear(&replay->progress);
    if (replay->total > 0) {
        printf("replayed %zu of %zu webhooks in %.1f s to %s: %zu accepted, %zu refused\n", replay->sent, replay->total,
               (double)(clock_mono_us() - since_us) / 1e6,
               replay->options.url != NULL ? replay->options.url : replay->target.url, replay->accepted,
               replay->sent - replay->accepted);
    }
    return good && replay->accepted == replay->total ? CLI_OK : CLI_FAILED;
}

static bool prepare(struct replay *replay, const struct settings *settings, struct diag *diag) {
    replay->keys = keys_load(settings, diag);
    if (replay->keys == NULL) {
        return false;
    }
    const char *where = replay->options.url != NULL ? replay->options.url : settings->listen[0];
    target_init(&replay->target, slice_of(where), settings->webhook_path);
    replay->client = http_client_new();
    progress_init(&replay->progress, "webhooks sent");
    return true;
}

static int run(struct cli *cli) {
    struct replay replay = {.cli = cli, .options = {.speed = 1}};
    if (!cli_parse(cli, &replay.options)) {
        return CLI_USAGE;
    }
    struct settings cleanup_settings settings = {0};
    struct diag diag = {0};
    if (!cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    if (replay.options.dry_run) {
        return run_dry(&replay, &settings);
    }
    int code = CLI_USAGE;
    if (prepare(&replay, &settings, &diag)) {
        int64_t since_us = clock_mono_us();
        code = finish(&replay, play_all(&replay), since_us);
    } else {
        cli_fail(cli, &diag);
    }
    http_client_free(replay.client);
    target_release(&replay.target);
    keyring_free(replay.keys);
    return code;
}

static const struct cli_option options[] = {
    {"url", 0, CLI_TEXT, offsetof(struct replay_options, url), "URL",
     "where to send them, or an address as in SIP_LISTEN (default: the first of SIP_LISTEN)"},
    {"speed", 0, CLI_NUMBER, offsetof(struct replay_options, speed), "N", "N times as fast as recorded (default 1)"},
    {"as-recorded", 0, CLI_FLAG, offsetof(struct replay_options, as_recorded), NULL,
     "change nothing but the signature: same ids, same times"},
    {"dry-run", 0, CLI_FLAG, offsetof(struct replay_options, dry_run), NULL,
     "send nothing: print what the daemon would decide and do, with the rules and agents of the settings"},
};

const struct cli_command cli_replay = {
    .name = "replay",
    .summary = "Send recorded webhooks again, as new calls that happen now.",
    .arguments = "FILE.jsonl...",
    .min_arguments = 1,
    .max_arguments = 1000,
    .options = options,
    .option_count = ARRAY_LEN(options),
    .details = "A recording has one JSON object a line: {\"at_ms\":553,\"authorization\":\"<JWT>\",\"body\":\"<bytes "
               "as sent>\"}. "
               "Rooms, participants, tracks and events get fresh ids in one consistent mapping per file, times move to "
               "now, the "
               "recorded agent's identity becomes sip-agent-<call sid>, and everything is signed with the first key. "
               "Files are "
               "played one after the other, each in its own rhythm. The exit code is 1 when a webhook was not answered "
               "with 2xx.",
    .run = run,
};
