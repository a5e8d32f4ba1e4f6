/* Swapping documents. */
#include "source/snapshot.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "source/hash_document.h"

/* What parsing gave: one of the two. */
struct parsed {
    struct ruleset *rules;
    struct directory *directory;
};

bool snapshot_fail(struct snapshot *self, const char *error) {
    char fresh[sizeof self->state.error];
    snprintf(fresh, sizeof fresh, "%s", error);
    bool news = strcmp(fresh, self->state.error) != 0;
    memcpy(self->state.error, fresh, sizeof fresh);
    return news;
}

static void loaded(struct snapshot *self, const char *kind) {
    self->known = true;
    self->state.kind = kind;
    self->state.error[0] = '\0';
    self->state.loaded_wall_ms = clock_wall_ms();
}

/* TEXT is taken. */
static void swap(struct snapshot *self, const struct parsed *parsed, struct buf *text) {
    if (self->check != NULL && parsed->directory != NULL) {
        directory_check(parsed->directory, self->check);
    }
    ruleset_release(self->rules);
    directory_release(self->directory);
    buf_release(&self->text);
    self->rules = parsed->rules;
    self->directory = parsed->directory;
    self->text = *text;
    *text = (struct buf){0};
    self->stale = false;
    self->state.count = parsed->rules != NULL ? ruleset_count(parsed->rules) : directory_count(parsed->directory);
}

static bool is_same(const struct snapshot *self, struct slice text) {
    return self->text.len > 0 && !self->stale && slice_eq(buf_slice(&self->text), text);
}

enum snapshot_result snapshot_offer_text(struct snapshot *self, const char *kind, struct slice text) {
    if (is_same(self, text)) {
        loaded(self, kind);
        return SNAPSHOT_SAME;
    }
    struct diag diag = {0};
    struct parsed parsed = {0};
    if (self->what == SNAPSHOT_RULES) {
        parsed.rules = ruleset_parse(text, &diag);
    } else {
        parsed.directory = directory_parse(text, self->defaults, &diag);
    }
    if (parsed.rules == NULL && parsed.directory == NULL) {
        char error[sizeof self->state.error];
        diag_text(&diag, error, sizeof error);
        snapshot_fail(self, error);
        return SNAPSHOT_BAD;
    }
    struct buf copy = {0};
    buf_add_slice(&copy, text);
    swap(self, &parsed, &copy);
    loaded(self, kind);
    return SNAPSHOT_NEW;
}

/* Takes DIRECTORY and TEXT, which says the same. */
static enum snapshot_result offer_directory(struct snapshot *self, const char *kind, struct directory *directory,
                                            struct buf *text) {
    struct parsed parsed = {.directory = directory};
    bool same = is_same(self, buf_slice(text));
    if (same) {
        directory_release(directory);
    } else {
        swap(self, &parsed, text);
    }
    loaded(self, kind);
    return same ? SNAPSHOT_SAME : SNAPSHOT_NEW;
}

enum snapshot_result snapshot_offer_fields(struct snapshot *self, const char *kind, const struct redis_reply *fields) {
    cleanup_buf struct buf text = {0};
    struct directory *directory = hash_document_parse(fields, self->defaults, &text);
    return offer_directory(self, kind, directory, &text);
}

enum snapshot_result snapshot_offer_stimm(struct snapshot *self, struct stimm_document *document) {
    return offer_directory(self, "stimm", take_ptr(document->directory), &document->text);
}

enum snapshot_result snapshot_offer_none(struct snapshot *self, const char *kind) {
    if (self->text.len > 0) {
        return SNAPSHOT_BAD;
    }
    bool news = !self->known;
    loaded(self, kind);
    if (self->what == SNAPSHOT_AGENTS && self->defaults->command != NULL) {
        self->state.kind = "command";
        if (self->directory == NULL) {
            self->directory = directory_of_command(self->defaults);
        }
    }
    return news ? SNAPSHOT_NEW : SNAPSHOT_SAME;
}

void snapshot_release(struct snapshot *self) {
    ruleset_release(self->rules);
    directory_release(self->directory);
    buf_release(&self->text);
}
