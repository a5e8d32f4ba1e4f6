/* Questions to whoever sits at the terminal, one line of answer each. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include <stdbool.h>

#include "base/buf.h"

/* Whether somebody can be asked: standard input is a terminal. */
bool ask_is_possible(void);
/* Says PROMPT on standard error, and appends one line of standard input without the blanks around it. False at the end of
 * the input, and for a line over 64 KiB. What the terminal has behind the line stays there for the next question. */
bool ask_read(const char *prompt, struct buf *ret_line) __attribute__((warn_unused_result));
/* The same after "QUESTION [FALLBACK]: " on standard error; an empty line is FALLBACK, which may be NULL. RET_LINE is
 * emptied first. */
bool ask_line(const char *question, const char *fallback, struct buf *ret_line) __attribute__((warn_unused_result));

#endif
