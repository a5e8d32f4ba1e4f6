/* What the verbs of `sipbridge dispatch`, and `setup`, share. */
#ifndef CLI_DISPATCH_H
#define CLI_DISPATCH_H

#include "cli/things.h"

struct json_t;

extern const struct cli_command dispatch_create_command;

/* PREFIX is SIP_ROOM_PREFIX: whose rooms begin so are ours. */
void dispatch_print(const struct livekit_rule *rules, size_t count, struct slice prefix);
struct json_t *dispatch_json(const struct livekit_rule *rule, struct slice prefix);
/* "dispatch rule SDR_x (name; room sip-inbound_…)", escaped. The caller frees it. */
char *dispatch_label(const struct livekit_rule *rule);

#endif
