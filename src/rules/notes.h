/* What is odd in a document but no mistake (an unknown key, a rule that is skipped): a bounded list of sentences
 * for log, status and `check`. Zero-initialise it. */
#ifndef RULES_NOTES_H
#define RULES_NOTES_H

#include <stddef.h>

enum { NOTES_MAX = 20 };

struct notes {
    char *text[NOTES_MAX];
    size_t count;
    size_t unsaid; /* more than fit; the last text then says how many */
};

/* The text must be fit for a terminal: escape what came from outside. */
void notes_add(struct notes *notes, const char *format, ...) __attribute__((format(printf, 2, 3)));
void notes_release(struct notes *notes);

#endif
