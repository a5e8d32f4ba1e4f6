/* Taking the environment over and wiping its secrets where they stand. */
#include "settings/environment.h"

#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vault.h"
#include "settings/row.h"

static bool is_secret(const char *entry) {
    size_t name_size = strcspn(entry, "=");
    const struct setting_row *row = row_find(entry, name_size);
    return row != NULL && row_is_secret(row) && entry[name_size] == '=';
}

static char **copy_of(char *const *environment) {
    size_t count = 0;
    while (environment[count] != NULL) {
        count++;
    }
    char **copy = xcalloc(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = is_secret(environment[i]) ? vault_dup(slice_of(environment[i])) : xstrdup(environment[i]);
    }
    return copy;
}

/* The same name may stand there twice; getenv and unsetenv would leave the bytes of the second. */
static void wipe_values(char *const *environment) {
    for (; *environment != NULL; environment++) {
        if (is_secret(*environment)) {
            char *value = strchr(*environment, '=') + 1;
            explicit_bzero(value, strlen(value));
        }
    }
}

char **environment_take(void) {
    (void)prctl(PR_SET_DUMPABLE, 0);
    char **copy = copy_of(environ);
    wipe_values(environ);
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        if (row_is_secret(row_at(id))) {
            (void)unsetenv(row_at(id)->info.name); /* NOLINT(concurrency-mt-unsafe): the first act of main */
        }
    }
    return copy;
}

void environment_free(char **environment) {
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (is_secret(environment[i])) {
            vault_free(environment[i]);
        } else {
            free(environment[i]);
        }
    }
    free(environment);
}
