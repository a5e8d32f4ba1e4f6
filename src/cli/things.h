/* Things that LiveKit keeps by id, its trunks and its dispatch rules: listing, finding and deleting them is the same
 * for all kinds. */
#ifndef CLI_THINGS_H
#define CLI_THINGS_H

#include "cli/livekit_access.h"

struct json_t;

enum { THINGS_MOST = 32 }; /* deleted at once */

/* A kind of thing. PLACE is one in the answer to `list`; PREFIX is SIP_ROOM_PREFIX. */
struct things {
    const char *unlisted;    /* "the trunks cannot be listed" */
    const char *none;        /* a sentence: there is none, and how to make one */
    const char *name, *verb; /* "inbound trunk", "trunks": for what is said of an id that is not there */
    const char *consequence; /* a sentence: what comes of deleting one */
    struct livekit_call *(*list)(struct livekit_api *api, const struct livekit_ask *ask);
    struct livekit_call *(*remove)(struct livekit_api *api, const struct livekit_ask *ask, struct slice id);
    struct slice (*id)(const struct livekit_answer *answer, size_t place);
    char *(*label)(const struct livekit_answer *answer, size_t place); /* "trunk ST_x (…)", escaped */
    struct json_t *(*json)(const struct livekit_answer *answer, size_t place, struct slice prefix);
    void (*print)(const struct livekit_answer *answer, struct slice prefix); /* a table */
};

/* Settings, client and the list of all. CLI_OK, or the exit code after an error was said. */
int things_open(const struct cli *cli, const struct things *things, struct livekit_session *ret_session);
/* Its place in the list; -1 after saying that there is none. */
long things_find(const struct cli *cli, const struct things *things, const struct livekit_session *session,
                 const char *id);

/* The verbs "list" and "delete". */
int things_run_list(struct cli *cli, const struct things *things);
int things_run_delete(struct cli *cli, const struct things *things);

/* Options of theirs. */
struct things_list_options {
    bool json;
};
struct things_delete_options {
    bool yes, json;
};
extern const struct cli_option things_list_table[1], things_delete_table[2];

#endif
