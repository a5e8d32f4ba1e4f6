/* Any bytes as the agents' document, as one entry, and as a command line. */
#include "base/argv.h"
#include "fuzz.h"
#include "rules/directory.h"

static void check_directory(const struct directory *directory) {
    for (size_t i = 0; i < directory_count(directory); i++) {
        const struct agent *agent = directory_at(directory, i);
        demand(directory_find(directory, slice_of(agent->name)) == agent);
        demand((agent->broken == NULL) == (agent->command != NULL) && agent->env != NULL);
        demand(agent->command == NULL || agent->command[0][0] != '\0');
    }
    const struct agent *first = directory_first(directory);
    demand(first == NULL || first->broken == NULL);
}

static void try_command(struct slice text) {
    struct diag diag = {0};
    char **argv = argv_split(text, &diag);
    demand((argv != NULL) != (diag.what[0] != '\0'));
    if (argv != NULL) {
        demand(argv[0] != NULL && argv[0][0] != '\0');
        demand(argv_check(argv, &diag) || diag.what[0] != '\0');
    }
    argv_free(argv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *command[] = {"run", NULL};
    static const struct directory_defaults defaults = {.command = command};
    struct slice text = {(const char *)data, size};
    struct diag diag = {0};
    struct directory *directory = directory_parse(text, &defaults, &diag);
    demand((directory != NULL) != (diag.what[0] != '\0'));
    if (directory != NULL) {
        check_directory(directory);
    }
    directory_release(directory);
    directory = directory_start(&defaults);
    directory_add(directory, SLICE("entry"), text);
    directory_add(directory, text, SLICE("{}"));
    directory_finish(directory);
    check_directory(directory);
    directory_release(directory);
    try_command(text);
    return 0;
}
