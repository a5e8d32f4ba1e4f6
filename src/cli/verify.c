/* sipbridge verify: is this captured webhook LiveKit's? Prints the event, or the exact reason and what to do. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "app/keys.h"
#include "auth/keyring.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "webhooks/event.h"
#include "webhooks/verify.h"

enum { CAPTURE_MAX = 64 << 20 };

struct verify_options {
    int64_t at_s; /* 0: now */
    const char *authorization;
};

/* What was captured: a line of a recording, or a bare body beside --authorization. Owns its texts. */
struct capture {
    struct buf authorization, body;
};

static void capture_release(struct capture *capture) {
    buf_release(&capture->authorization);
    buf_release(&capture->body);
}

/* {"authorization":…,"body":…}; bytes after it that are no blanks mean that there is a second line. */
static bool read_recorded(struct slice text, struct capture *capture, struct diag *diag) {
    json_error_t error;
    json_t *line = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    const json_t *authorization = json_object_get(line, "authorization");
    const json_t *body = json_object_get(line, "body");
    bool good = json_is_string(authorization) && json_is_string(body);
    if (good) {
        buf_add(&capture->authorization, json_string_value(authorization), json_string_length(authorization));
        buf_add(&capture->body, json_string_value(body), json_string_length(body));
    } else {
        diag_fail(
            diag, "", "%s",
            line == NULL
                ? "is not one line of a recording: {\"authorization\":\"<JWT>\",\"body\":\"<bytes>\"} (of a longer "
                  "recording give one line: `sed -n 3p FILE | sipbridge verify -`); for a bare body give "
                  "--authorization TOKEN"
                : "has no texts \"authorization\" and \"body\"; for a bare body give --authorization TOKEN");
    }
    json_decref(line);
    return good;
}

static bool read_capture(const char *path, const char *authorization, struct capture *capture, struct diag *diag) {
    cleanup_buf struct buf text = {0};
    if (!cli_read(path, CAPTURE_MAX, &text, diag)) {
        return false;
    }
    if (authorization != NULL) {
        buf_adds(&capture->authorization, authorization);
        buf_add_slice(&capture->body, buf_slice(&text));
        return true;
    }
    if (!read_recorded(buf_slice(&text), capture, diag)) {
        diag_within(diag, path);
        return false;
    }
    return true;
}

static void print_field(const char *name, struct slice value) {
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, value, 600);
    if (value.n > 0) {
        printf("  %-12s %s\n", name, shown.p);
    }
}

static void print_event(const struct webhook_event *event, const struct verify_detail *detail) {
    cleanup_buf struct buf name = {0};
    text_escape(&name, event->name, 200);
    printf("verified with key %s: %s\n", detail->key, name.p);
    print_field("id", event->id);
    if (event->created_at_s != 0) {
        printf("  %-12s %" PRId64 "\n", "created at", event->created_at_s);
    }
    print_field("room sid", event->room.sid);
    print_field("room", event->room.name);
    print_field("participant", event->participant.sid);
    print_field("identity", event->participant.identity);
    print_field("called", event->participant.called);
    print_field("caller", event->participant.caller);
    print_field("trunk", event->participant.trunk_id);
    print_field("rule", event->participant.rule_id);
    print_field("track", event->track.sid);
    if (event->participant.disconnect_reason != DISCONNECT_UNKNOWN_REASON) {
        printf("  %-12s %s\n", "left because", disconnect_reason_name(event->participant.disconnect_reason));
    }
}

/* Of an old capture the rest is worth knowing, too. */
static void tell_moment(enum verify_reason reason, int64_t at_s, const struct verify_detail *detail) {
    if (reason == VERIFY_EXPIRED || reason == VERIFY_NOT_YET) {
        int64_t good_s = reason == VERIFY_EXPIRED ? at_s - detail->skew_s : at_s + detail->skew_s;
        printf("to check it as of its signing: --at %" PRId64 "\n", good_s);
    }
}

static int judge(const struct cli *cli, const struct keyring *keys, const struct capture *capture, int64_t at_s) {
    struct verify_detail detail = {0};
    enum verify_reason reason =
        webhook_verify(keys, buf_slice(&capture->authorization), buf_slice(&capture->body), at_s, &detail);
    if (reason != VERIFY_OK) {
        cleanup_buf struct buf hint = {0};
        buf_add(&hint, "", 0);
        verify_hint(&hint, reason, &detail);
        printf("refused (%s): %s\n%s%s", verify_reason_label(reason), verify_reason_text(reason), hint.p,
               hint.len > 0 ? "\n" : "");
        tell_moment(reason, at_s, &detail);
        return CLI_FAILED;
    }
    struct diag diag;
    struct webhook_event *event = event_parse(buf_slice(&capture->body), &diag);
    if (event == NULL) {
        printf("verified with key %s, but the body is no event\n", detail.key);
        return cli_fail(cli, &diag);
    }
    print_event(event, &detail);
    event_free(event);
    return CLI_OK;
}

static int run_with_keys(struct cli *cli, const struct keyring *keys, const struct verify_options *options) {
    struct capture capture __attribute__((cleanup(capture_release))) = {0};
    struct diag diag;
    if (!read_capture(cli->argv[0], options->authorization, &capture, &diag)) {
        cli_fail(cli, &diag);
        return CLI_USAGE;
    }
    return judge(cli, keys, &capture, options->at_s > 0 ? options->at_s : clock_wall_ms() / 1000);
}

static int run(struct cli *cli) {
    struct verify_options options = {0};
    cleanup_settings struct settings settings = {0};
    struct diag diag;
    if (!cli_parse(cli, &options) || !cli_settings(cli, &settings)) {
        return CLI_USAGE;
    }
    struct keyring *keys = keys_load(&settings, &diag);
    if (keys == NULL) {
        cli_fail(cli, &diag);
        return CLI_USAGE;
    }
    int code = run_with_keys(cli, keys, &options);
    keyring_free(keys);
    return code;
}

static const struct cli_option options_table[] = {
    {"at", 0, CLI_INT, offsetof(struct verify_options, at_s), "UNIX",
     "the moment to check for, in seconds (default now): webhooks live for 5 minutes"},
    {"authorization", 0, CLI_TEXT, offsetof(struct verify_options, authorization), "TOKEN",
     "the Authorization header; FILE is then the body, byte for byte"},
};

const struct cli_command cli_verify = {
    .name = "verify",
    .summary = "Check one captured webhook: print its event, or the exact reason why it is refused.",
    .arguments = "FILE|-",
    .min_arguments = 1,
    .max_arguments = 1,
    .options = options_table,
    .option_count = ARRAY_LEN(options_table),
    .details =
        "FILE is one line of a recording, {\"authorization\":\"<JWT>\",\"body\":\"<exact bytes as sent>\"}, or "
        "the bare body with --authorization. The exit code is 0 for a webhook that sipbridge would accept, 1 for "
        "one that it would refuse, 2 when there is nothing to check.",
    .run = run,
};
