/* Reads the two documents once, as the daemon would, and waits for them: for commands (`sipbridge rules list`), not
 * for the daemon. Runs a loop of its own. */
#ifndef SOURCE_FETCH_H
#define SOURCE_FETCH_H

#include "source/source.h"

struct fetch_document {
    const char *kind; /* "file", "redis", "stimm", "command", "none" */
    char *text; /* as it is there, the agents of a HASH or of Stimm as one object; also when it is bad. NULL: none */
    size_t size;
    struct ruleset *rules;       /* of the rules, when they are good */
    struct directory *directory; /* of the agents, when they are good */
    struct diag diag;            /* why there is neither; what is "" when all is well */
};

struct fetch {
    struct fetch_document rules, agents;
};

/* Of OPTIONS it uses the files, the URLs, the defaults and check. Waits at most TIMEOUT_MS for Redis and
 * Stimm, and not at all when they refuse. What went wrong is in the documents' diags; a bad URL too. Release it in every case. */
void fetch_run(const struct source_options *options, int64_t timeout_ms, struct fetch *ret_fetch);
void fetch_release(struct fetch *fetch);

#endif
