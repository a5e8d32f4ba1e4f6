/* Placeholder expansion. Values are data: what stands in a value is not looked at for placeholders again. */
#include "spawner/local/expand.h"

/* The place whose "{name}" TEXT begins with; NULL when there is none. */
static const struct engine_pair *place_at(const struct engine_job *job, const char *text) {
    if (text[0] != '{') {
        return NULL;
    }
    for (size_t i = 0; i < job->place_count; i++) {
        size_t length = strlen(job->places[i].name);
        if (strncmp(text + 1, job->places[i].name, length) == 0 && text[1 + length] == '}') {
            return &job->places[i];
        }
    }
    return NULL;
}

/* Appends TEMPLATE with its values; true when the first byte written came from a value. */
static bool expand_one(struct buf *out, const char *template, const struct engine_job *job) {
    bool value_first = false;
    while (*template != '\0') {
        const struct engine_pair *place = place_at(job, template);
        if (place == NULL) {
            buf_addc(out, *template ++);
            continue;
        }
        size_t length = place->value.n > 0 ? strnlen(place->value.p, place->value.n) : 0;
        value_first = value_first || (out->len == 0 && length > 0);
        buf_add(out, place->value.p, length);
        template += strlen(place->name) + 2;
    }
    return value_first;
}

bool expand_argv(struct strv *ret_argv, const struct engine_job *job, struct buf *left_out, struct diag *diag) {
    for (size_t i = 0; job->command[i] != NULL; i++) {
        cleanup_buf struct buf text = {0};
        bool value_first = expand_one(&text, job->command[i], job);
        bool option = value_first && text.p[0] == '-';
        if (i == 0 && (option || text.len == 0)) {
            return diag_fail(diag, "command[0]", "%s gives no program to run: name a file", job->command[0]);
        }
        if (option) {
            buf_addf(left_out, "%s%s", left_out->len > 0 ? ", " : "", job->command[i]);
            continue;
        }
        strv_take(ret_argv, buf_take(&text));
    }
    return ret_argv->count > 0 || diag_fail(diag, "command", "is empty: name a program to run");
}
