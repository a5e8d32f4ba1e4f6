/* LiveKit's API for a command: keys, loop and client from the settings. */
#ifndef CLI_LIVEKIT_ACCESS_H
#define CLI_LIVEKIT_ACCESS_H

#include "cli/cli.h"
#include "livekit/calls.h"

struct livekit_access {
    struct keyring *keys;
    struct loop *loop;
    struct livekit_api *api;
};

/* False after saying on standard error why not: return CLI_USAGE then. Release it in every case. */
bool livekit_access_open(const struct cli *cli, const struct settings *settings, struct livekit_access *ret_access)
    __attribute__((warn_unused_result));
void livekit_access_release(struct livekit_access *access);
#define cleanup_access __attribute__((cleanup(livekit_access_release)))
/* Waits for CALL. NULL after saying that WHAT ("the trunks cannot be listed"), why, and what would help: then return
 * CLI_FAILED. For livekit_result_free (cleanup_result). */
struct livekit_result *livekit_access_ask(const struct cli *cli, struct livekit_call *call, const char *what);
/* The same for what makes, changes or deletes something: says also when it may have been done all the same. */
struct livekit_result *livekit_access_change(const struct cli *cli, struct livekit_call *call, const char *what);
void livekit_access_free_result(struct livekit_result **result);
#define cleanup_result __attribute__((cleanup(livekit_access_free_result)))

/* Settings, LiveKit's client and the answer to a first question, mostly a list. Release it in every case. */
struct livekit_session {
    struct settings settings;
    struct livekit_access access;
    struct livekit_result *listed;
};
/* Asks LIST (livekit_list_trunks …). CLI_OK, or the exit code after it was said that WHAT and why. */
int livekit_session_open(const struct cli *cli,
                         struct livekit_call *(*list)(struct livekit_api *api, const struct livekit_ask *ask),
                         const char *what, struct livekit_session *ret_session);
void livekit_session_release(struct livekit_session *session);
#define cleanup_session __attribute__((cleanup(livekit_session_release)))

#endif
