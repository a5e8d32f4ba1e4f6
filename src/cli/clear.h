/* Deleting rooms and waiting for it: what `clear-sip-bridge` and `clear-rooms` share. */
#ifndef CLI_CLEAR_H
#define CLI_CLEAR_H

#include "cli/livekit_access.h"

struct json_t;

struct clear_wish {
    struct slice prefix; /* "" only with is_every_room */
    bool is_every_room;
    bool json; /* nothing is printed */
};

struct clear_done {
    size_t count, left;
    struct json_t *rooms; /* [{name, sid, deleted, error}]; the caller gives it back */
};

/* Asks LiveKit how many rooms there are; false after saying why not. */
bool clear_count(const struct cli *cli, const struct livekit_access *access, const struct clear_wish *wish,
                 size_t *ret_count) __attribute__((warn_unused_result));
/* Deletes them with a progress line on a terminal, makes sure that they are gone, and says what was done and what could
 * not be. CLI_OK when all are gone, else CLI_FAILED. */
int clear_rooms(const struct cli *cli, const struct livekit_access *access, const struct clear_wish *wish,
                struct clear_done *ret_done);

#endif
