/* What LiveKit tells, in tables and as JSON. Both escape: a table by itself, JSON as pure ASCII, so that a name with
 * an escape sequence or U+202E in it does nothing to a terminal. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "cli/cli.h"
#include "livekit/model.h"

struct json_t;

/* A cell. */
void show_text(struct cli_table *table, struct slice text);
/* "+1, +2", or NONE where there are none. */
void show_texts(struct cli_table *table, struct livekit_texts texts, const char *none);
/* The same at the end of OUT, escaped. */
void show_add_texts(struct buf *out, struct livekit_texts texts, const char *none);

struct json_t *show_json_text(struct slice text);
struct json_t *show_json_texts(struct livekit_texts texts);
/* Prints VALUE and a line's end, and gives it back. */
void show_json(struct json_t *value);

/* What a list command has to say of items that could not be read. */
void show_left_out(const struct cli *cli, const struct livekit_answer *answer);

#endif
