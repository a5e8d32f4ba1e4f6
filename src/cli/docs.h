/* Documents of `sipbridge docs` that have files of their own. */
#ifndef CLI_DOCS_H
#define CLI_DOCS_H

#include "base/buf.h"

struct cli;

/* TEXT as part of a cell of a Markdown table. */
void docs_cell(struct buf *out, const char *text);
/* Every log message with cause and remedy, a table per area; the same as JSON. */
void docs_messages(const struct cli *cli, struct buf *out);
void docs_messages_json(const struct cli *cli, struct buf *out);
/* Every state of health, and every answer of /readyz. */
void docs_health(const struct cli *cli, struct buf *out);

#endif
