/* What commands ask of the running bridge, over its admin address. */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "base/buf.h"
#include "settings/settings.h"

struct cli;
struct diag;
struct json_t;

/* What is at an admin address: its HTTP answer, whatever that says. */
struct remote_look {
    int timeout_ms;  /* 0: 5000 */
    int status;      /* the answer's */
    struct buf body; /* the caller's to release */
};
/* GET /health/sip-bridge-status with a reader's token where the settings hold a key. WHERE: a whole URL, or an address
 * as in SIP_ADMIN_LISTEN. False with DIAG when nobody answered. */
bool remote_look_at(const struct settings *settings, const char *where, struct remote_look *look, struct diag *diag)
    __attribute__((warn_unused_result));

/* The same; WHERE may be NULL: the first of SIP_ADMIN_LISTEN. CLI_OK with the body, or the exit code after an error was said. */
int remote_status(const struct cli *cli, const struct settings *settings, const char *where, struct buf *ret_body);
/* The status' array of calls as a table with its count above. */
void remote_print_calls(const struct json_t *calls);

#endif
