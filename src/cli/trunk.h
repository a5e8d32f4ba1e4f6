/* What the verbs of `sipbridge trunks` share. */
#ifndef CLI_TRUNK_H
#define CLI_TRUNK_H

#include "cli/things.h"

struct json_t;

extern const struct cli_command trunk_create_command, trunk_update_command;
extern const struct things trunk_things;

void trunk_print(const struct livekit_trunk *trunks, size_t count);
struct json_t *trunk_json(const struct livekit_trunk *trunk);
/* "trunk ST_x (name; numbers +1, +2)", escaped. The caller frees it. */
char *trunk_label(const struct livekit_trunk *trunk);

#endif
