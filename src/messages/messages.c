/* Matching lines with messages. */
#include "messages/messages.h"

#include <string.h>

#include "base/json_text.h"
#include "base/mem.h"
#include "base/tree.h"
#include "messages/areas.h"

static const struct message_area *const areas[] = {
#define X(name) &messages_##name,
    MESSAGE_AREAS(X)
#undef X
};

size_t messages_area_count(void) {
    return ARRAY_LEN(areas);
}

const struct message_area *messages_area_at(size_t place) {
    return areas[place];
}

/* How long the {NAME} at TEXT is with its braces; 0: there is none, a brace may be one of the message. */
static size_t name_at(const char *text) {
    size_t inside = strspn(text + (text[0] == '{'), "ABCDEFGHIJKLMNOPQRSTUVWXYZ_ ");
    return text[0] == '{' && inside > 0 && text[inside + 1] == '}' ? inside + 2 : 0;
}

/* The bytes of TEXT before its next name, or its end. */
static struct slice piece_of(const char *text) {
    size_t size = 0;
    while (text[size] != '\0' && name_at(text + size) == 0) {
        size++;
    }
    return (struct slice){text, size};
}

static bool ends_with(struct slice text, struct slice end) {
    return text.n >= end.n && slice_eq((struct slice){text.p + text.n - end.n, end.n}, end);
}

/* Pieces are taken where they are found first, the last one at the end: what stands for the names may be anything. */
size_t messages_match(const char *text, struct slice message) {
    struct slice piece = piece_of(text), rest = message;
    size_t common = piece.n;
    if (!slice_starts(rest, piece) || (text[piece.n] == '\0' && rest.n != piece.n)) {
        return 0;
    }
    rest = slice_after(rest, piece.n);
    for (const char *at = text + piece.n; *at != '\0'; at = piece.p + piece.n) {
        piece = piece_of(at + name_at(at));
        common += piece.n;
        if (piece.p[piece.n] == '\0') {
            return ends_with(rest, piece) ? common : 0;
        }
        const char *found = piece.n > 0 ? memmem(rest.p, rest.n, piece.p, piece.n) : rest.p;
        if (found == NULL) {
            return 0;
        }
        size_t used = (size_t)(found - rest.p) + piece.n;
        rest = slice_after(rest, used);
    }
    return common;
}

/* --- lines --- */

static bool read_level(struct slice word, int *ret_level) {
    for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
        if (slice_is(word, log_level_name((enum log_level)level))) {
            *ret_level = level;
            return true;
        }
    }
    return false;
}

/* A record as JSON, from its brace on. */
static bool read_json(struct slice text, struct message_line *ret_line) {
    struct diag diag;
    const struct tree_limits limits = {.depth = 4, .values = 64};
    cleanup_tree struct tree *tree = tree_parse(text, &limits, &diag);
    const struct node *message = tree != NULL ? node_member(tree_root(tree), "message") : NULL;
    if (message == NULL) {
        return false;
    }
    buf_add_slice(&ret_line->text, slice_trim(node_text(message)));
    (void)read_level(node_text(node_member(tree_root(tree), "level")), &ret_line->level);
    return true;
}

/* "… SIP level message call=… room=…": what the record is about follows the message, names and values. */
static void read_text(struct slice line, struct message_line *ret_line) {
    static const char *const facts[] = {" call=", " room=", " agent=", " pid="};
    const char *tag = line.n > 0 ? memmem(line.p, line.n, " SIP ", 5) : NULL;
    if (tag != NULL) {
        struct slice rest = slice_after(line, (size_t)(tag - line.p) + 5);
        const char *end = memchr(rest.p, ' ', rest.n);
        struct slice word = {rest.p, end != NULL ? (size_t)(end - rest.p) : rest.n};
        line = read_level(word, &ret_line->level) ? slice_after(rest, word.n) : line;
    }
    for (size_t i = 0; tag != NULL && i < ARRAY_LEN(facts); i++) {
        const char *fact = memmem(line.p, line.n, facts[i], strlen(facts[i]));
        line.n = fact != NULL ? (size_t)(fact - line.p) : line.n;
    }
    buf_add_slice(&ret_line->text, slice_trim(line));
}

void messages_read_line(struct slice line, struct message_line *ret_line) {
    static const char json[] = "{\"time\":";
    *ret_line = (struct message_line){.level = -1};
    buf_add(&ret_line->text, "", 0);
    line = slice_trim(line);
    const char *record = line.n > 0 ? memmem(line.p, line.n, json, sizeof json - 1) : NULL;
    if (record == NULL || !read_json(slice_after(line, (size_t)(record - line.p)), ret_line)) {
        read_text(line, ret_line);
    }
}

void messages_line_release(struct message_line *line) {
    buf_release(&line->text);
}

const struct message *messages_find(const struct message_line *line) {
    const struct message *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < ARRAY_LEN(areas); i++) {
        for (size_t k = 0; k < areas[i]->count; k++) {
            const struct message *message = &areas[i]->messages[k];
            bool fits = line->level < 0 || line->level == (int)message->level;
            size_t common = fits ? messages_match(message->text, buf_slice(&line->text)) : 0;
            if (common > most) {
                most = common;
                best = message;
            }
        }
    }
    return best;
}

/* --- writing --- */

void messages_show(struct buf *out, const char *text) {
    while (*text != '\0') {
        struct slice piece = piece_of(text);
        size_t name = name_at(text + piece.n);
        buf_add_slice(out, piece);
        if (name > 0) {
            buf_add(out, text + piece.n + 1, name - 2);
        }
        text += piece.n + name;
    }
}

void messages_json(struct buf *out) {
    const char *before = "[\n{";
    for (size_t i = 0; i < ARRAY_LEN(areas); i++) {
        for (size_t k = 0; k < areas[i]->count; k++) {
            const struct message *message = &areas[i]->messages[k];
            buf_adds(out, before);
            json_add_field(out, "area", slice_of(areas[i]->title));
            json_add_field(out, "level", slice_of(log_level_name(message->level)));
            json_add_field(out, "message", slice_of(message->text));
            json_add_field(out, "cause", slice_of(message->cause));
            json_add_field(out, "remedy", slice_of(message->remedy));
            before = "},\n{";
        }
    }
    buf_adds(out, "}\n]\n");
}
