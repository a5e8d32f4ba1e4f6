/* Files of NAME=VALUE lines (".env"). Blank lines and lines that begin with # mean nothing; `export` may stand in
 * front. Values: bare (to the end of the line, or to a # after a blank), '…' as it stands, "…" with \n \t \" \\ \$
 * replaced. Nothing is expanded: $ is a dollar sign. */
#ifndef SETTINGS_ENVFILE_H
#define SETTINGS_ENVFILE_H

#include "base/slice.h"

enum { ENVFILE_MAX_SIZE = 1024 * 1024 };

struct envfile_reader {
    /* VALUE is borrowed for the call and NUL-free. */
    void (*on_pair)(void *context, unsigned line, struct slice name, struct slice value);
    /* WHAT is wrong with LINE, which is skipped. It never contains the line's text: that may be a secret. */
    void (*on_error)(void *context, unsigned line, const char *what);
    void *context;
};

void envfile_parse(struct slice text, const struct envfile_reader *reader);

#endif
