/* A recording of webhooks: one JSON object a line, {"at_ms":553,"authorization":"<JWT>","body":"<exact bytes as sent>"},
 * in the order in which they arrived. at_ms counts from any fixed moment. */
#ifndef CLI_RECORDING_H
#define CLI_RECORDING_H

#include "base/diag.h"
#include "base/slice.h"

enum { RECORDING_MAX_LINES = 1000000, RECORDING_MAX_LINE = 4 << 20 };

struct recorded {
    int64_t at_ms;
    struct slice authorization, body; /* owned by the recording; authorization may be empty */
};

struct recording {
    struct recorded *items;
    size_t count;
};

/* Reads the file at PATH ("-": standard input). False with DIAG (where = "file:line") for a line that is none; blank
 * lines are skipped. at_ms must not go backwards. */
bool recording_load(struct recording *ret_recording, const char *path, struct diag *diag)
    __attribute__((warn_unused_result));
void recording_release(struct recording *recording);

#endif
