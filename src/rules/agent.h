/* One entry of the directory, from JSON. */
#ifndef RULES_AGENT_H
#define RULES_AGENT_H

#include "base/diag.h"
#include "rules/directory.h"
#include "rules/notes.h"

struct json_t;

enum {
    AGENT_MAX_ENV = 256,
    AGENT_MAX_TEXT = 32 << 10, /* one argument, one variable */
    AGENT_MAX_AT_ONCE = 1000000,
    AGENT_MAX_STANDBY = 1000, /* as SIP_STANDBY */
    AGENT_MAX_ORDER = 1000000000,
    AGENT_MAX_STOP_MS = 10 * 60 * 1000, /* as SIP_STOP_TIMEOUT and SIP_AFTER_CALL */
    AGENT_MAX_AFTER_CALL_MS = 24 * 3600 * 1000,
    AGENT_MAX_AGE_MS = 7 * 24 * 3600 * 1000, /* as SIP_STANDBY_MAX_AGE */
};

/* An agent that has nothing but its name and the defaults. agent_clear frees what it holds. */
void agent_init(struct agent *agent, struct slice name, const struct directory_defaults *defaults);
/* Reads VALUE into an agent_init'ed one; a mistake makes it broken. */
void agent_read(struct agent *agent, struct json_t *value, struct notes *notes);
/* Makes it broken unless it has a command that can be used, also ahead of a call where it shall. agent_read ends with it. */
void agent_check(struct agent *agent);
/* Marks it broken by what DIAG says; its command is gone. */
void agent_break(struct agent *agent, const struct diag *diag);
void agent_clear(struct agent *agent);

#endif
