/* What is wrong, for a person who must mend it: where (a JSON path, a file:line, a setting's name) and what,
 * including what would be right. Functions that parse people's input fill one and return false. */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include <stdbool.h>

struct diag {
    char where[160]; /* "rules[3].pattern", "agents.env:12", "SIP_LISTEN"; may be empty */
    char what[352];  /* one sentence without a full stop; caller-controlled text in it is already escaped */
};

/* Fills DIAG (may be NULL) and returns false, so that a parser can `return diag_fail(…)`. Too long is cut; errno stays. */
bool diag_fail(struct diag *diag, const char *where, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same, so that compilers and analysers see at every call that the result is false. */
#define diag_fail(...)                \
    (__extension__({                  \
        (void)diag_fail(__VA_ARGS__); \
        false;                        \
    }))
/* Puts PREFIX in front of where: "agents.json" + "support.command" -> "agents.json: support.command". */
void diag_within(struct diag *diag, const char *prefix);
/* "where: what", or "what" alone. The text lives in a buffer of DIAG's caller: SIZE bytes at RET_TEXT. */
void diag_text(const struct diag *diag, char *ret_text, unsigned long size);

#endif
