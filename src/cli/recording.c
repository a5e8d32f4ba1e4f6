/* Reads recordings of webhooks; the format is described in recording.h. */
#include "cli/recording.h"

#include <jansson.h>
#include <stdio.h>

#include "base/mem.h"

struct reading {
    struct recording recording;
    size_t room;
    const char *path;
    unsigned long line;
};

static bool fail(const struct reading *reading, struct diag *diag, const char *what) {
    cleanup_free char *where = xasprintf("%s:%lu", reading->path, reading->line);
    return diag_fail(diag, where, "%s", what);
}

static struct slice copy_string(const json_t *value) {
    size_t size = json_string_length(value);
    return size == 0 ? (struct slice){NULL, 0} : (struct slice){xmemdup(json_string_value(value), size), size};
}

static void add(struct reading *reading, const struct recorded *item) {
    struct recording *recording = &reading->recording;
    if (recording->count == reading->room) {
        reading->room = reading->room == 0 ? 16 : reading->room * 2;
        recording->items = xrealloc(recording->items, reading->room * sizeof *recording->items);
    }
    recording->items[recording->count++] = *item;
}

static bool take_object(struct reading *reading, const json_t *object, struct diag *diag) {
    const json_t *at = json_object_get(object, "at_ms");
    const json_t *body = json_object_get(object, "body");
    const json_t *authorization = json_object_get(object, "authorization");
    const struct recording *recording = &reading->recording;
    if (!json_is_number(at) || json_number_value(at) < 0 || json_number_value(at) > 1e15) {
        return fail(reading, diag, "\"at_ms\" must be a number of milliseconds, 0 or more");
    }
    if (!json_is_string(body)) {
        return fail(reading, diag, "\"body\" must be a string: the webhook's body as it was sent");
    }
    if (authorization != NULL && !json_is_string(authorization)) {
        return fail(reading, diag, "\"authorization\" must be a string: the webhook's token");
    }
    int64_t at_ms = (int64_t)json_number_value(at);
    if (recording->count > 0 && at_ms < recording->items[recording->count - 1].at_ms) {
        return fail(reading, diag, "\"at_ms\" goes backwards: lines stand in the order in which they arrived");
    }
    if (recording->count == RECORDING_MAX_LINES) {
        return fail(reading, diag, "too many lines: a recording has at most a million");
    }
    add(reading, &(struct recorded){at_ms, copy_string(authorization), copy_string(body)});
    return true;
}

static bool take_line(struct reading *reading, struct slice line, struct diag *diag) {
    if (line.n > RECORDING_MAX_LINE) {
        return fail(reading, diag, "the line is too long: a recorded webhook has at most 4 MiB");
    }
    json_t *object = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
    bool good = json_is_object(object)
                    ? take_object(reading, object, diag)
                    : fail(reading, diag, "not a JSON object: {\"at_ms\":…,\"authorization\":…,\"body\":…}");
    json_decref(object);
    return good;
}

static bool read_lines(struct reading *reading, FILE *file, struct diag *diag) {
    cleanup_free char *line = NULL;
    size_t room = 0;
    ssize_t got;
    while ((got = getline(&line, &room, file)) >= 0) {
        reading->line++;
        struct slice text = {line, (size_t)got};
        if (slice_trim(text).n > 0 && !take_line(reading, text, diag)) {
            return false;
        }
    }
    if (ferror(file) != 0) {
        return diag_fail(diag, reading->path, "cannot be read: %m");
    }
    return reading->recording.count > 0 ? true : diag_fail(diag, reading->path, "holds no recorded webhook");
}

bool recording_load(struct recording *ret_recording, const char *path, struct diag *diag) {
    bool standard_input = strcmp(path, "-") == 0;
    struct reading reading = {.path = standard_input ? "standard input" : path};
    FILE *file = standard_input ? stdin : fopen(path, "re");
    if (file == NULL) {
        return diag_fail(diag, path, "cannot be opened: %m");
    }
    bool good = read_lines(&reading, file, diag);
    if (!standard_input) {
        fclose(file);
    }
    if (!good) {
        recording_release(&reading.recording);
        return false;
    }
    *ret_recording = reading.recording;
    return true;
}

void recording_release(struct recording *recording) {
    for (size_t i = 0; i < recording->count; i++) {
        free((char *)recording->items[i].authorization.p);
        free((char *)recording->items[i].body.p);
    }
    free(recording->items);
    *recording = (struct recording){NULL, 0};
}
