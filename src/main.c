/* The table of sub-commands. */
#include "cli/commands.h"
#include "settings/environment.h"

static const struct cli_command *const commands[] = {
#define X(name) &cli_##name,
    CLI_COMMANDS(X)
#undef X
        NULL,
};

int main(int argc, char **argv) {
    char **environment = environment_take();
    int code = cli_main(commands, argc, argv, environment);
    environment_free(environment);
    return code;
}
