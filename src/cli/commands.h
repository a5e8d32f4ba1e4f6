/* The sub-commands, in the order in which help and the manual page list them. One line and one file each. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"

#define CLI_COMMANDS(X) \
    X(serve)            \
    X(replay)           \
    X(verify)           \
    X(setup)            \
    X(rules)            \
    X(agents)           \
    X(trunks)           \
    X(dispatch)         \
    X(calls)            \
    X(list_rooms)       \
    X(clear_sip_bridge) \
    X(clear_rooms)      \
    X(status)           \
    X(reload)           \
    X(doctor)           \
    X(explain)          \
    X(report)           \
    X(token)            \
    X(config)           \
    X(simulate)         \
    X(docs)

#define X(name) extern const struct cli_command cli_##name;
CLI_COMMANDS(X)
#undef X

#endif
