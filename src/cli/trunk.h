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

/* Opens SESSION with all trunks. */
int trunk_session_open(const struct cli *cli, struct livekit_session *ret_session);
/* NULL after saying that there is none. */
const struct livekit_trunk *trunk_find(const struct cli *cli, const struct livekit_session *session, const char *id);

#endif
