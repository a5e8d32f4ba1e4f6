/* A secret that a person or a script hands over: from a file, or from standard input, never as an argument (every
 * user of the machine sees those). */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include "cli/cli.h"

enum { SECRET_MAX = 1024 };

/* FROM: a file, or "-" for standard input; a terminal there is asked "PROMPT: " without showing what is typed. The
 * first line without its end, 1 to SECRET_MAX bytes of UTF-8. False after saying why not. */
bool secret_read(const struct cli *cli, const char *from, const char *prompt, struct buf *ret_secret)
    __attribute__((warn_unused_result));
/* Overwrites and frees it. */
void secret_release(struct buf *secret);
#define cleanup_secret __attribute__((cleanup(secret_release)))

#endif
