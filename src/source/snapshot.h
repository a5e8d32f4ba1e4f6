/* One of the two documents as it is in use: the newest good one, its text, and what is wrong with a newer one. A new
 * one replaces it whole or not at all. No input or output, no log. */
#ifndef SOURCE_SNAPSHOT_H
#define SOURCE_SNAPSHOT_H

#include "base/buf.h"
#include "rules/stimm_document.h"
#include "source/key_reader.h"
#include "source/source.h"

enum snapshot_what { SNAPSHOT_RULES, SNAPSHOT_AGENTS };

struct snapshot {
    enum snapshot_what what;
    const struct directory_defaults *defaults;
    bool (*check)(const struct agent *agent, struct diag *diag);
    struct ruleset *rules;       /* NULL: none, or this is the agents' */
    struct directory *directory; /* NULL: none, or this is the rules' */
    struct buf text;             /* what is in use, as JSON; empty when nothing was loaded */
    bool known;                  /* there is an answer, be it "none" */
    bool stale;                  /* the next offer counts as new even if its text is the same */
    struct source_state state;
};

enum snapshot_result {
    SNAPSHOT_NEW,  /* in use now */
    SNAPSHOT_SAME, /* what is in use already */
    SNAPSHOT_BAD,  /* state.error says why */
};

/* KIND is for state.kind, a literal. */
enum snapshot_result snapshot_offer_text(struct snapshot *self, const char *kind, struct slice text);
/* The agents from HGETALL's answer. */
enum snapshot_result snapshot_offer_fields(struct snapshot *self, const char *kind, const struct redis_reply *fields);
/* The agents from Stimm's list. Takes the directory and the text out of DOCUMENT. */
enum snapshot_result snapshot_offer_stimm(struct snapshot *self, struct stimm_document *document);
/* The source is there and has no such document. What is in use stays (SNAPSHOT_BAD); when there is nothing, it is
 * known to be none: for the agents the template of the settings, if there is one (SNAPSHOT_NEW or SNAPSHOT_SAME). */
enum snapshot_result snapshot_offer_none(struct snapshot *self, const char *kind);
/* The newest cannot be had. Returns whether ERROR is news. */
bool snapshot_fail(struct snapshot *self, const char *error);
void snapshot_release(struct snapshot *self);

#endif
