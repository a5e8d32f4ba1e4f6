/* Any bytes as a recording of webhooks or, behind a '1' and a byte that says how it is told, as one webhook's body: what
 * is read keeps the promises of cli/recording.h, and what is told anew is JSON of the same shape, the same each time. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/recording.h"
#include "cli/retell.h"
#include "fuzz.h"

static const struct retell_clock clocks[] = {
    {.recorded_ms = 1795369000000, .told_ms = 1795369001000, .speed = 1},
    {.recorded_ms = 0, .told_ms = 0, .speed = 1000},
    {.recorded_ms = 1795369000000, .told_ms = 1795369001000, .speed = 0.001},
};

/* The same members and elements; texts and numbers may differ. */
static void check_shape(const json_t *one, const json_t *other) {
    demand(json_typeof(one) == json_typeof(other));
    demand(json_object_size(one) == json_object_size(other) && json_array_size(one) == json_array_size(other));
    const char *name;
    json_t *value;
    size_t index;
    json_object_foreach((json_t *)one, name, value) {
        demand(json_object_get(other, name) != NULL);
        check_shape(value, json_object_get(other, name));
    }
    json_array_foreach(one, index, value) {
        check_shape(value, json_array_get(other, index));
    }
}

static void check_told(struct retell *retell, struct slice body, const struct retell_clock *clock) {
    cleanup_buf struct buf told = {0};
    cleanup_buf struct buf again = {0};
    cleanup_buf struct buf summary = {0};
    struct diag diag = {0};
    demand(retell_created_ms(body) >= 0);
    retell_summary(body, &summary);
    demand(summary.len > 0);
    if (!retell_body(retell, body, clock, &told, &diag)) {
        demand(diag.what[0] != '\0' && told.len == 0);
        return;
    }
    demand(retell_body(retell, body, clock, &again, &diag) && slice_eq(buf_slice(&told), buf_slice(&again)));
    json_t *before = json_loadb(body.p, body.n, 0, NULL);
    json_t *after = demand_json(buf_slice(&told));
    check_shape(before, after);
    json_decref(before);
    json_decref(after);
}

static void try_body(struct slice body, const struct retell_clock *clock) {
    struct retell *retell = retell_new();
    retell_learn(retell, body);
    check_told(retell, body, clock);
    retell_free(retell);
}

static void check_recording(const struct recording *recording) {
    struct retell *retell = retell_new();
    demand(recording->count > 0);
    for (size_t i = 0; i < recording->count; i++) {
        demand(recording->items[i].at_ms >= (i > 0 ? recording->items[i - 1].at_ms : 0));
        demand_text(recording->items[i].authorization, RECORDING_MAX_LINE);
        demand_text(recording->items[i].body, RECORDING_MAX_LINE);
        retell_learn(retell, recording->items[i].body);
    }
    for (size_t i = 0; i < recording->count; i++) {
        check_told(retell, recording->items[i].body, &clocks[0]);
    }
    retell_free(retell);
}

static void try_file(struct slice text) {
    char path[32];
    struct recording recording = {0};
    struct diag diag = {0};
    cleanup_fd int file = memfd_create("recording", MFD_CLOEXEC);
    demand(file >= 0 && write(file, text.p, text.n) == (ssize_t)text.n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    bool good = recording_load(&recording, path, &diag);
    demand(good == (diag.what[0] == '\0'));
    demand_printable(slice_of(diag.what));
    if (good) {
        check_recording(&recording);
    }
    recording_release(&recording);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice rest = {(const char *)data, size};
    if (!slice_starts(rest, SLICE("1"))) {
        try_file(rest);
        return 0;
    }
    (void)take_byte(&rest);
    const struct retell_clock *clock = &clocks[take_byte(&rest) % ARRAY_LEN(clocks)];
    try_body(rest, clock);
    return 0;
}
