/* What the verbs of `sipbridge trunks` share. */
#ifndef CLI_TRUNK_H
#define CLI_TRUNK_H

#include "cli/things.h"

struct json_t;

extern const struct cli_command trunk_create_command, trunk_update_command;
extern const struct things trunk_things;

/* False after saying which of ADDRESSES LiveKit ignores, or nobody has: return CLI_USAGE then. */
bool trunk_check_addresses(const struct cli *cli, const struct cli_list *addresses);
void trunk_print(const struct livekit_trunk *trunks, size_t count);
struct json_t *trunk_json(const struct livekit_trunk *trunk);
/* "trunk ST_x (name; numbers +1, +2)", escaped. The caller frees it. */
char *trunk_label(const struct livekit_trunk *trunk);

#endif
