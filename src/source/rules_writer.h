/* Changes the rules document where the daemon reads it, so that of two editors at the same time neither loses a rule:
 * read, edit, check with the daemon's own parser, and write only if nobody wrote meanwhile; else read again and make
 * the change anew. For commands, not for the daemon: it waits.
 *
 * In Redis it is WATCH, GET, MULTI, SET, EXEC. A file is replaced whole (written beside, synced, renamed) while its
 * directory is locked with flock(2), which all editors of this kind do; a program that does not is noticed by the
 * text having changed. */
#ifndef SOURCE_RULES_WRITER_H
#define SOURCE_RULES_WRITER_H

#include "loop/loop.h"
#include "source/rules_change.h"

struct rules_place {
    const char *file;      /* SIP_RULES_FILE; wins over Redis. NULL or "": not set */
    const char *redis_url; /* REDIS_URL; the same */
    struct loop *loop;     /* turned while it waits; NULL: one of its own */
    int64_t timeout_ms;    /* for each step of Redis, and for the lock of a file */
};

/* Whether there is a place to write to; DIAG says what to set. */
bool rules_place_check(const struct rules_place *place, struct diag *diag) __attribute__((warn_unused_result));
/* EDIT_CHANGED: it is written (RET_TEXT, when it is not NULL, gets the new text appended). EDIT_SAME: the edit found
 * nothing to change. EDIT_FAILED with DIAG: nothing was written, unless the diag says that this is not known. */
enum edit_result rules_write(const struct rules_place *place, const struct rules_change *change, struct buf *ret_text,
                             struct diag *diag) __attribute__((warn_unused_result));

#endif
