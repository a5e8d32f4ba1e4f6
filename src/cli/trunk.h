/* What the verbs of `sipbridge trunks` share. */
#ifndef CLI_TRUNK_H
#define CLI_TRUNK_H

#include "cli/livekit_access.h"

struct json_t;

extern const struct cli_command trunk_create_command, trunk_update_command;

void trunk_print(const struct livekit_trunk *trunks, size_t count);
struct json_t *trunk_json(const struct livekit_trunk *trunk);
/* "trunk ST_x (name; numbers +1, +2)", escaped. The caller frees it. */
char *trunk_label(const struct livekit_trunk *trunk);

/* Settings, LiveKit's client, and all trunks. Release it in every case. */
struct trunk_session {
    struct settings settings;
    struct livekit_access access;
    struct livekit_result *trunks;
};
/* CLI_OK, or the exit code after an error was said. */
int trunk_session_open(const struct cli *cli, struct trunk_session *ret_session);
void trunk_session_release(struct trunk_session *session);
#define cleanup_trunk_session __attribute__((cleanup(trunk_session_release)))
/* NULL after saying that there is none. */
const struct livekit_trunk *trunk_find(const struct cli *cli, const struct trunk_session *session, const char *id);

#endif
