/* The bounded list of remarks on a document. */
#include "rules/notes.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

void notes_add(struct notes *notes, const char *format, ...) {
    if (notes->count >= NOTES_MAX - 1) {
        notes->count = NOTES_MAX;
        notes->unsaid++;
        free(notes->text[NOTES_MAX - 1]);
        notes->text[NOTES_MAX - 1] = xasprintf("and %zu more", notes->unsaid);
        return;
    }
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    notes->text[notes->count++] = xstrdup(text);
}

void notes_release(struct notes *notes) {
    for (size_t i = 0; i < NOTES_MAX; i++) {
        free(notes->text[i]);
    }
    *notes = (struct notes){0};
}
