/* The rules and the agents for the commands that show and judge them: read once from where the settings say, with
 * the defaults that the daemon would give the agents. */
#ifndef CLI_DOCUMENTS_H
#define CLI_DOCUMENTS_H

#include "cli/cli.h"
#include "source/fetch.h"

struct documents {
    char **command; /* SIP_AGENT_COMMAND split, or NULL */
    struct fetch fetch;
};

/* RULES_FILE and AGENTS_FILE take the place of the settings' when they are not NULL. Executables are looked up, so
 * that an agent whose program is missing is broken here too. What is wrong
 * with a document is in fetch. Release it in every case. */
struct documents_from {
    const char *rules_file, *agents_file;
    int64_t timeout_ms; /* for Redis and Stimm; 0: 5000 */
};
void documents_load(const struct settings *settings, const struct documents_from *from,
                    struct documents *ret_documents);
void documents_release(struct documents *documents);
#define cleanup_documents __attribute__((cleanup(documents_release)))

/* Says why DOCUMENT ("the rules") cannot be used; whether it can be. */
bool documents_good(const struct cli *cli, const struct fetch_document *document, const char *what);

#endif
