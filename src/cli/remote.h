/* What commands ask of the running bridge, over its admin address. */
#ifndef CLI_REMOTE_H
#define CLI_REMOTE_H

#include "base/buf.h"
#include "settings/settings.h"

struct cli;
struct json_t;

struct remote_answer {
    int status; /* HTTP */
    struct buf body;
};

/* GET /health/sip-bridge-status with a reader's token where the settings hold a key. WHERE: a whole URL, or an address
 * as in SIP_ADMIN_LISTEN; NULL: its first. CLI_OK with the body, or the exit code after an error was said. */
int remote_status(const struct cli *cli, const struct settings *settings, const char *where, struct buf *ret_body);
/* The same for those who ask again: false with DIAG. */
bool remote_try_status(const struct settings *settings, const char *where, struct buf *ret_body, struct diag *diag)
    __attribute__((warn_unused_result));
/* The same for those who go on without it, WHERE without a path. */
bool remote_ask_status(const struct settings *settings, const char *where, struct buf *ret_body, struct diag *diag)
    __attribute__((warn_unused_result));

/* What is at the first address of SIP_ADMIN_LISTEN, which there must be: true with the answer to such a request,
 * whatever it is; false with DIAG when there was none within TIMEOUT_MS. */
bool remote_look(const struct settings *settings, int timeout_ms, struct remote_answer *ret_answer, struct diag *diag)
    __attribute__((warn_unused_result));

/* What an operator asks of the running bridge. */
struct remote_wish {
    const char *where; /* http://host:port, https://…, or an address as in SIP_ADMIN_LISTEN; NULL: its first */
    const char *path;  /* "/api/…" */
};
/* Where the running bridge is, as the option of a command with such a wish. */
#define REMOTE_OPTION(type, field)                                                                            \
    {                                                                                                         \
        "url", 0, CLI_TEXT, offsetof(struct type, field), "URL",                                              \
            "the running bridge: http://host:port, or an address as in SIP_ADMIN_LISTEN (default: its first)" \
    }
/* POST with an operator's token. True with the answer, whatever it is; false with DIAG: there was none, there is no key
 * to sign with, or no address. */
bool remote_post(const struct settings *settings, const struct remote_wish *wish, struct remote_answer *ret_answer,
                 struct diag *diag) __attribute__((warn_unused_result));
/* The status' array of calls as a table with its count above. */
void remote_print_calls(const struct json_t *calls);

#endif
