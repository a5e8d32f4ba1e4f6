/* Deleting rooms and waiting for it: what `clear-sip-bridge` and `clear-rooms` share. */
#ifndef CLI_CLEAR_H
#define CLI_CLEAR_H

#include "cli/livekit_access.h"

struct json_t;

struct clear_wish {
    struct slice prefix; /* "" only with is_every_room */
    bool is_every_room;
    bool json; /* nothing is printed */
    /* What was there before a running bridge was told to delete it, and how long it may take; NULL: nobody was. */
    const struct livekit_answer *listed;
    int64_t patience_ms;
};

struct clear_done {
    size_t count, left;
    struct json_t *rooms; /* [{name, sid, deleted, error}]; the caller gives it back */
};

/* LiveKit's rooms; NULL after saying why not. */
struct livekit_result *clear_list(const struct cli *cli, const struct livekit_access *access);
/* How many of them are meant. */
size_t clear_count(const struct livekit_result *listed, struct slice prefix);
/* Deletes them with a progress line on a terminal, makes sure that they are gone, and says what was done and what could
 * not be. CLI_OK when all are gone, else CLI_FAILED. */
int clear_rooms(const struct cli *cli, const struct livekit_access *access, const struct clear_wish *wish,
                struct clear_done *ret_done);

#endif
