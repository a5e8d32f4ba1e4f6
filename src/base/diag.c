/* Sentences about what is wrong and where. */
#include "base/diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool(diag_fail)(struct diag *diag, const char *where, const char *format, ...) {
    int error = errno;
    if (diag == NULL) {
        return false;
    }
    snprintf(diag->where, sizeof diag->where, "%s", where != NULL ? where : "");
    va_list args;
    va_start(args, format);
    vsnprintf(diag->what, sizeof diag->what, format, args);
    va_end(args);
    errno = error;
    return false;
}

void diag_within(struct diag *diag, const char *prefix) {
    char inner[sizeof diag->where];
    memcpy(inner, diag->where, sizeof inner);
    if (inner[0] == '\0') {
        snprintf(diag->where, sizeof diag->where, "%s", prefix);
        return;
    }
    int length = snprintf(diag->where, sizeof diag->where, "%s: ", prefix);
    if (length > 0 && (size_t)length < sizeof diag->where) {
        size_t room = sizeof diag->where - (size_t)length;
        snprintf(diag->where + length, room, "%.*s", (int)room - 1, inner);
    }
}

void diag_text(const struct diag *diag, char *ret_text, unsigned long size) {
    const char *separator = diag->where[0] != '\0' ? ": " : "";
    snprintf(ret_text, size, "%s%s%s", diag->where, separator, diag->what);
}
