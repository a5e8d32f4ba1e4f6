/* Slices to cells and to JSON. */
#include "cli/show.h"

#include <jansson.h>
#include <stdio.h>

#include "base/text.h"

enum { SHOWN_MAX = 1000 };

void show_text(struct cli_table *table, struct slice text) {
    cleanup_free char *copy = xmemdup(text.n > 0 ? text.p : "", text.n);
    cli_table_add(table, copy);
}

void show_add_texts(struct buf *out, struct livekit_texts texts, const char *none) {
    buf_adds(out, texts.count == 0 ? none : "");
    for (size_t i = 0; i < texts.count; i++) {
        buf_adds(out, i > 0 ? ", " : "");
        text_escape(out, texts.at[i], SHOWN_MAX);
    }
}

void show_texts(struct cli_table *table, struct livekit_texts texts, const char *none) {
    cleanup_buf struct buf text = {0};
    show_add_texts(&text, texts, none);
    cli_table_add(table, text.p);
}

json_t *show_json_text(struct slice text) {
    return json_stringn(text.n > 0 ? text.p : "", text.n);
}

json_t *show_json_texts(struct livekit_texts texts) {
    json_t *list = json_array();
    for (size_t i = 0; i < texts.count; i++) {
        json_array_append_new(list, show_json_text(texts.at[i]));
    }
    return list;
}

void show_json(json_t *value) {
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(value);
}

void show_left_out(const struct cli *cli, const struct livekit_answer *answer) {
    if (answer->left_out > 0) {
        cli_error(cli, "warning: of LiveKit's answer %zu could not be used (no id, or too long) and are not shown",
                  answer->left_out);
    }
}
