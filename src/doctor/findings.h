/* What was found: one finding a line, each with what is wrong, what that causes and what repairs it. All texts are fit
 * for a terminal: what comes from outside goes through findings_show or findings_word. */
#ifndef DOCTOR_FINDINGS_H
#define DOCTOR_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* X(name, text) */
#define FINDING_LEVELS(X) \
    X(OK, "ok")           \
    X(WARNING, "warning") \
    X(PROBLEM, "problem") \
    X(SKIPPED, "unchecked")
enum finding_level {
#define X(name, text) FINDING_##name,
    FINDING_LEVELS(X)
#undef X
};
const char *finding_level_name(enum finding_level level);

struct finding {
    const char *check; /* the name of the check */
    enum finding_level level;
    char *what;   /* one sentence without a full stop */
    char *causes; /* or NULL */
    char *repair; /* a command, lines of YAML, a setting; may have several lines; or NULL */
};

/* At most FINDINGS_MAX_PER_CHECK of one check are kept; the last of those then says how many there were more. */
enum { FINDINGS_MAX = 400, FINDINGS_MAX_PER_CHECK = 6, FINDINGS_SHOWN = 96, FINDINGS_TEXT = 512 };

struct findings;

struct findings *findings_new(void);
void findings_free(struct findings *findings);
size_t findings_count(const struct findings *findings);
const struct finding *findings_at(const struct findings *findings, size_t place);
/* How many have LEVEL, those that were not kept included. */
size_t findings_total(const struct findings *findings, enum finding_level level);

/* Findings from here on are of CHECK (borrowed). */
void findings_begin(struct findings *findings, const char *check);
/* The finding lives as long as the list. */
struct finding *findings_add(struct findings *findings, enum finding_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define findings_ok(findings, ...) ((void)findings_add(findings, FINDING_OK, __VA_ARGS__))
#define findings_warning(findings, ...) findings_add(findings, FINDING_WARNING, __VA_ARGS__)
#define findings_problem(findings, ...) findings_add(findings, FINDING_PROBLEM, __VA_ARGS__)
void finding_causes(struct finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));
void finding_repair(struct finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* TEXT escaped and cut to FINDINGS_SHOWN bytes; lives as long as the list. */
const char *findings_show(struct findings *findings, struct slice text);
/* A whole sentence of ours that may carry words from outside: made printable, hardly ever cut. */
const char *findings_text(struct findings *findings, const char *text);
/* TEXT as one word of a shell's command, quoted where it must be. "…" where that cannot be shown: a control character,
 * too long. */
const char *findings_word(struct findings *findings, struct slice text);

#endif
