/* Reading the status: it may come from another version or from something else, so every field may be missing. */
#include "cli/doctor/watch.h"

#include <jansson.h>
#include <stdio.h>
#include <sys/random.h>

#include "cli/remote.h"

enum { LOOK_TIMEOUT_MS = 2000, HTTP_OK = 200 };

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static int64_t number_of(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

/* NULL when there is none, with what is wrong in DAEMON. */
static json_t *read_status(const struct settings *settings, struct exam_daemon *daemon) {
    struct remote_answer look = {0};
    struct diag diag = {0};
    const char *where = settings->admin_listen != NULL ? settings->admin_listen[0] : NULL;
    if (where == NULL) {
        daemon->state = DAEMON_NOT_ASKED;
        return NULL;
    }
    snprintf(daemon->where, sizeof daemon->where, "%s", where);
    bool answered = remote_look(settings, LOOK_TIMEOUT_MS, &look, &diag);
    json_t *status = answered && look.status == HTTP_OK ? json_loadb(look.body.p, look.body.len, 0, NULL) : NULL;
    if (!answered) {
        daemon->state = DAEMON_AWAY;
        diag_text(&diag, daemon->why, sizeof daemon->why);
    } else if (look.status == 401 || look.status == 403) {
        daemon->state = DAEMON_REFUSES;
        snprintf(daemon->why, sizeof daemon->why, "it answers %d", look.status);
    } else if (!json_is_object(json_object_get(status, "webhooks"))) {
        daemon->state = DAEMON_STRANGER;
        snprintf(daemon->why, sizeof daemon->why, "it answers %d, and no status of sipbridge", look.status);
        json_decref(status);
        status = NULL;
    } else {
        daemon->state = DAEMON_UP;
    }
    buf_release(&look.body);
    return status;
}

static void keep_resting(const json_t *circuits, struct exam_daemon *daemon) {
    cleanup_buf struct buf names = {0};
    const char *name;
    json_t *circuit;
    json_object_foreach((json_t *)circuits, name, circuit) {
        if (strcmp(text_of(circuit, "state"), "closed") != 0) {
            buf_addf(&names, "%s%s", names.len > 0 ? ", " : "", name);
        }
    }
    snprintf(daemon->resting, sizeof daemon->resting, "%s", names.len > 0 ? names.p : "");
}

static void keep_unready(const json_t *standbys, struct exam_daemon *daemon) {
    cleanup_buf struct buf names = {0};
    const char *name;
    json_t *of;
    json_object_foreach((json_t *)standbys, name, of) {
        if (json_is_true(json_object_get(of, "fails"))) {
            buf_addf(&names, "%s%s (one %s)", names.len > 0 ? ", " : "", name, text_of(of, "error"));
        }
    }
    snprintf(daemon->unready, sizeof daemon->unready, "%s", names.len > 0 ? names.p : "");
}

void watch_daemon(const struct settings *settings, struct exam_daemon *ret_daemon) {
    *ret_daemon = (struct exam_daemon){0};
    json_t *status = read_status(settings, ret_daemon);
    snprintf(ret_daemon->version, sizeof ret_daemon->version, "%s", text_of(status, "version"));
    snprintf(ret_daemon->health, sizeof ret_daemon->health, "%s", text_of(status, "status"));
    snprintf(ret_daemon->message, sizeof ret_daemon->message, "%s", text_of(status, "message"));
    snprintf(ret_daemon->remedy, sizeof ret_daemon->remedy, "%s", text_of(status, "remedy"));
    ret_daemon->file_limit = number_of(status, "file_limit");
    keep_resting(json_object_get(status, "circuits"), ret_daemon);
    keep_unready(json_object_get(status, "standbys"), ret_daemon);
    json_decref(status);
}

static json_t *read_webhooks(const struct settings *settings) {
    struct exam_daemon daemon = {0};
    json_t *status = read_status(settings, &daemon);
    json_t *webhooks = json_incref(json_object_get(status, "webhooks"));
    json_decref(status);
    return webhooks;
}

void watch_start(struct watch *watch, const struct settings *settings) {
    *watch = (struct watch){.settings = settings, .before = read_webhooks(settings)};
}

void watch_release(struct watch *watch) {
    json_decref(watch->before);
    *watch = (struct watch){0};
}

static int64_t sum_of(const json_t *counters) {
    const char *name;
    json_t *count;
    int64_t sum = 0;
    json_object_foreach((json_t *)counters, name, count) {
        sum += json_integer_value(count);
    }
    return sum;
}

static uint64_t grown(int64_t before, int64_t after) {
    return after > before ? (uint64_t)(after - before) : 0; /* else it was restarted */
}

static void keep_last_rejection(const json_t *webhooks, struct exam_sighting *sighting) {
    const json_t *list = json_object_get(webhooks, "rejections");
    const json_t *last = json_array_size(list) > 0 ? json_array_get(list, json_array_size(list) - 1) : NULL;
    snprintf(sighting->reason, sizeof sighting->reason, "%s", text_of(last, "reason"));
    snprintf(sighting->hint, sizeof sighting->hint, "%s", text_of(last, "hint"));
}

static void compare(const json_t *before, const json_t *after, const char *room, struct exam_sighting *ret) {
    const json_t *probe = json_object_get(after, "probe");
    ret->looked = true;
    ret->received = grown(number_of(before, "received"), number_of(after, "received"));
    ret->invalid = grown(number_of(before, "invalid"), number_of(after, "invalid"));
    ret->bad_method = grown(number_of(before, "bad_method"), number_of(after, "bad_method"));
    ret->rejected = grown(sum_of(json_object_get(before, "rejected")), sum_of(json_object_get(after, "rejected")));
    if (ret->rejected > 0) {
        keep_last_rejection(after, ret);
    }
    ret->arrived = strcmp(text_of(probe, "room"), room) == 0;
    snprintf(ret->key, sizeof ret->key, "%s", ret->arrived ? text_of(probe, "key") : "");
}

void watch_look(const struct watch *watch, const char *room, struct exam_sighting *ret_sighting) {
    *ret_sighting = (struct exam_sighting){0};
    json_t *after = watch->before != NULL ? read_webhooks(watch->settings) : NULL;
    if (after != NULL) {
        compare(watch->before, after, room, ret_sighting);
    }
    json_decref(after);
}

void watch_room_name(char ret_name[WATCH_ROOM_SIZE]) {
    unsigned char bytes[16] = {0};
    size_t used = (size_t)snprintf(ret_name, WATCH_ROOM_SIZE, "%s", RECEIVER_PROBE_PREFIX);
    (void)!getrandom(bytes, sizeof bytes, 0); /* so few bytes are never cut short by the kernel */
    for (size_t i = 0; i < sizeof bytes; i++, used += 2) {
        snprintf(ret_name + used, WATCH_ROOM_SIZE - used, "%02x", bytes[i]);
    }
}
