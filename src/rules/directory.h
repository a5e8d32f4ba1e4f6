/* The directory of agents: name -> how to launch it (design: "Deciding the agent"). A mistake in one entry makes
 * that agent `broken`, never the others. Immutable and reference-counted. Pure. */
#ifndef RULES_DIRECTORY_H
#define RULES_DIRECTORY_H

#include "base/diag.h"
#include "base/slice.h"

enum {
    DIRECTORY_MAX_AGENTS = 10000,
    DIRECTORY_MAX_BYTES = 32 << 20,
    AGENT_DEFAULT_ORDER = 100,
    AGENT_MAX_BYTES = 256 << 10, /* of one entry's JSON */
};

/* Processes that are started ahead of calls (doc/standby.md). */
struct agent_standby {
    long least, most;            /* least 0: none */
    int64_t max_age_ms, max_rss; /* older, or with more memory resident: replaced; 0: no limit */
};

struct agent {
    char *name;
    char *id;                /* Stimm's id; "" when it has none */
    char **command;          /* argv template, NULL-terminated; NULL while broken */
    char *cwd;               /* or NULL */
    char **env;              /* NAME=VALUE, NULL-terminated; never NULL */
    long max;                /* calls at once; 0: no limit */
    int64_t stop_timeout_ms; /* SIGTERM to SIGKILL */
    int64_t after_call_ms;   /* left alone this long when the call is over */
    bool api_credentials;    /* "credentials":"api": gets LIVEKIT_API_KEY and LIVEKIT_API_SECRET */
    struct agent_standby standby;
    long order;   /* "first" is the lowest, then the name */
    char *broken; /* why it cannot be used ("command: …"); NULL when it can */
};

/* The defaults an entry inherits, from the settings. */
struct directory_defaults {
    char **command;               /* SIP_AGENT_COMMAND split, or NULL */
    const char *cwd;              /* SIP_AGENT_CWD, or NULL */
    bool api_credentials;         /* SIP_AGENT_CREDENTIALS */
    int64_t stop_timeout_ms;      /* SIP_STOP_TIMEOUT */
    int64_t after_call_ms;        /* SIP_AFTER_CALL */
    struct agent_standby standby; /* SIP_STANDBY and the like; `most` below `least` counts as that */
};

struct directory;

/* One JSON object, name -> entry. NULL with DIAG only when the document as a whole is wrong (not JSON, not an
 * object, too many). */
struct directory *directory_parse(struct slice json, const struct directory_defaults *defaults, struct diag *diag);
/* Without a document: every name is an agent and runs defaults->command. */
struct directory *directory_of_command(const struct directory_defaults *defaults);
/* One entry at a time (Redis HASH fields, Stimm's list); the result is complete after directory_finish, and DEFAULTS
 * are borrowed until then. Of two entries with one name the later counts. A name that cannot be an agent's, and what
 * is over DIRECTORY_MAX_AGENTS, is left out with a warning. */
struct directory *directory_start(const struct directory_defaults *defaults);
void directory_add(struct directory *directory, struct slice name, struct slice entry_json);
void directory_finish(struct directory *directory);
/* One more of the warnings; fit for a terminal. Only before the directory is shared. */
void directory_warn(struct directory *directory, const char *warning);

struct directory *directory_hold(struct directory *directory);
void directory_release(struct directory *directory);                               /* NULL is fine */
size_t directory_count(const struct directory *directory);                         /* 0 for a directory_of_command */
const struct agent *directory_at(const struct directory *directory, size_t place); /* by order, then name */
/* NULL when there is none of that name. In a directory_of_command every name gives the template's entry, whose
 * own name is "". */
const struct agent *directory_find(const struct directory *directory, struct slice name);
/* The entry of a directory_of_command that stands for every name; NULL in every other directory. */
const struct agent *directory_template(const struct directory *directory);
/* The first that is not broken; NULL when there is none. */
const struct agent *directory_first(const struct directory *directory);
/* Marks agents broken whose executable CHECK does not find (it fills the diag). Only before the directory is shared. */
void directory_check(struct directory *directory, bool (*check)(const struct agent *agent, struct diag *diag));
/* What is odd without being a mistake, at most 20 sentences: unknown keys, names left out. */
size_t directory_warnings(const struct directory *directory);
const char *directory_warning(const struct directory *directory, size_t place);

#endif
