/* Stimm's list of agents (`GET /api/agents/`, a JSON array of objects) as a directory: names -> ids, its default agent
 * first, inactive ones left out. Of each element nothing but id, name, is_default and is_active is read; the rest (the
 * keys of providers, in `*_config`) is dropped here, and no sentence that this module writes quotes it. Pure. */
#ifndef RULES_STIMM_DOCUMENT_H
#define RULES_STIMM_DOCUMENT_H

#include "base/buf.h"
#include "rules/directory.h"

enum {
    STIMM_MAX_BYTES = 8 << 20, /* an agent takes about 1 KiB, and its system prompt */
    STIMM_MAX_ID = 64,         /* a UUID has 36 */
    STIMM_DEFAULT_ORDER = 0,   /* of its default agent; the others have AGENT_DEFAULT_ORDER */
};

struct stimm_document {
    struct directory *directory;
    struct buf text; /* what is in it, as a document for directory_parse: names, ids and orders, nothing else */
    size_t listed;   /* elements of the answer, whatever became of them */
};

/* Whatever the order of the answer, the same agents give the same text. An element that is no agent is left out with
 * a warning; so is a second agent of one name: the default one stays, else the one with the lowest id. False with DIAG
 * when the answer as a whole cannot be used: not JSON, not a list, too long, too many, or all of it no agents. An empty
 * list is good: there are none. */
bool stimm_document_parse(struct slice answer, const struct directory_defaults *defaults,
                          struct stimm_document *ret_document, struct diag *diag) __attribute__((warn_unused_result));
/* Zeroed is fine: whoever takes a part leaves zero. */
void stimm_document_release(struct stimm_document *document);
#define cleanup_stimm __attribute__((cleanup(stimm_document_release)))

#endif
