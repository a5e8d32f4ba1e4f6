/* Arrays of strings. Look-ups are linear: an environment has some dozens of entries and is built once a start. */
#include "spawner/local/strv.h"

#include <string.h>

#include "base/mem.h"

void strv_release(struct strv *strv) {
    for (size_t i = 0; i < strv->count; i++) {
        explicit_bzero(strv->p[i],
                       strlen(strv->p[i])); /* an agent's environment has its token, maybe API credentials */
        free(strv->p[i]);
    }
    free(strv->p);
    *strv = (struct strv){0};
}

void strv_take(struct strv *strv, char *text) {
    if (strv->count + 2 > strv->cap) {
        strv->cap = strv->cap > 0 ? strv->cap * 2 : 16;
        strv->p = xrealloc(strv->p, strv->cap * sizeof *strv->p);
    }
    strv->p[strv->count++] = text;
    strv->p[strv->count] = NULL;
}

static const char *value_in(const char *var, const char *name, size_t length) {
    return strncmp(var, name, length) == 0 && var[length] == '=' ? var + length + 1 : NULL;
}

void strv_set(struct strv *strv, const char *name, struct slice value) {
    int length = (int)(value.n > 0 ? strnlen(value.p, value.n) : 0);
    char *var = xasprintf("%s=%.*s", name, length, length > 0 ? value.p : "");
    for (size_t i = 0; i < strv->count; i++) {
        if (value_in(strv->p[i], name, strlen(name)) != NULL) {
            free(strv->p[i]);
            strv->p[i] = var;
            return;
        }
    }
    strv_take(strv, var);
}

const char *strv_value(const char *const *vars, const char *name) {
    size_t length = strlen(name);
    for (; vars != NULL && *vars != NULL; vars++) {
        const char *value = value_in(*vars, name, length);
        if (value != NULL) {
            return value;
        }
    }
    return NULL;
}
