/* What is kept of a call for the bridge that comes after this one: a value, and its text as one JSON object (one small
 * file per call, named by its sid; where to is the business of whoever gave the journal_port). Pure.
 *
 * The text has a version ("v"). Members that are not known are ignored, absent ones are zero, so that a version may add
 * some; what a reader would misunderstand gets a new number, and a reader refuses numbers above its own. Enumerations
 * are words and participants' hashes hex digits. Times are CLOCK_MONOTONIC and so mean something only during the boot
 * that the entry names. Not kept, for it follows from the sid: the agent's identity (sip-agent-SID) and its output
 * (calls/SID.log). Nor how often in a row LiveKit did not list somebody, or when it was last asked for them: that is
 * counted and asked anew. The token is not kept: it is a secret, and the process has it in its environment. */
#ifndef BRIDGE_JOURNAL_H
#define BRIDGE_JOURNAL_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/diag.h"
#include "calls/verdict.h"
#include "rules/decide.h"
#include "spawner/engine.h"

struct tree;

enum { JOURNAL_VERSION = 1, JOURNAL_MAX_BYTES = 1 << 20 };

/* What LiveKit said of the caller by whom the agent is chosen. */
struct journal_leg {
    bool known;
    uint64_t sid; /* its hash */
    struct slice called, caller, trunk_id, rule_id, attributes, identity;
};

/* What a leg is called, by the hash of its sid: without it nobody could be asked for whom LiveKit's list hides. */
struct journal_name {
    uint64_t sid;
    struct slice text;
};

/* Slices are borrowed: of a call, or of `tree`. One whose p is NULL is absent. */
struct journal_entry {
    struct slice sid, room;
    struct slice boot; /* boot id of the kernel */
    struct call facts;
    bool over;         /* a tombstone */
    mono_ms over_at;   /* … since */
    bool named;        /* the newest sid of its room name */
    enum call_end end; /* why it is ending */
    /* The agent, from the choice on: its name, and what its entry says about the end of its process. */
    struct slice agent, metadata;
    int64_t after_call_ms, stop_timeout_ms;
    struct slice room_agent;
    bool looked_at_metadata;
    /* Its process: the instance is known before it is started, the rest afterwards. */
    struct slice instance;
    pid_t pid;
    uint64_t birth;
    mono_ms dismissed_at;
    struct journal_leg leg;
    struct journal_name names[CALL_LEGS]; /* the oldest first */
    unsigned name_count;
    int64_t started_wall_ms, newest_s, finished_s;
    int64_t listed_s; /* what a list told of must not be taken for older than a late room_started */
    uint64_t room_event;
    mono_ms rearmed_at;
    unsigned starts, kills;
    int64_t created_s;
    mono_ms ended_at;
    enum choice_reason chosen_by; /* of the agent */
    struct slice chosen_rule;
    struct tree *tree; /* NULL in an entry that was not read */
};

/* Appends ENTRY's text, without a newline. */
void journal_write(const struct journal_entry *entry, struct buf *out);
/* Reads a text; false with DIAG for what is no entry, or one of a later version. Otherwise for journal_release. All that
 * an entry promises holds afterwards: the sid is one (text_is_sid), a process has an instance of 32 hex digits, a running
 * one a pid above 1, a chosen agent a name; times are from 0 to half of what fits. */
bool journal_read(struct slice text, struct journal_entry *ret_entry, struct diag *diag)
    __attribute__((warn_unused_result));
void journal_release(struct journal_entry *entry);
/* For qsort: the order in which bridge_restore wants entries. */
int journal_order(const void *one, const void *other);

/* X(field): facts by how they are kept. */
#define JOURNAL_COUNTS(X) \
    X(failed_starts)      \
    X(hangs)              \
    X(delete_tries)
#define JOURNAL_FLAGS(X) \
    X(nobody_there)      \
    X(any_agent)         \
    X(had_caller)        \
    X(had_reject)        \
    X(spoke)             \
    X(room_again)        \
    X(exit_open)         \
    X(left_client)       \
    X(confirmed)         \
    X(dismissed)         \
    X(crowded)           \
    X(stopped)           \
    X(superseded)        \
    X(taken)             \
    X(gave_up)           \
    X(agent_done)        \
    X(handed_over)       \
    X(overloaded)
#define JOURNAL_HASHES(X) \
    X(voice_sid)          \
    X(ghost_sid)          \
    X(audio_sid)
/* Those of things past, and moments before which something is not done again. */
#define JOURNAL_PAST(X) \
    X(seen_at)          \
    X(room_at)          \
    X(caller_at)        \
    X(started_at)       \
    X(spoke_at)         \
    X(answered_at)      \
    X(voice_left_at)    \
    X(pushed_out_at)    \
    X(exit_at)
#define JOURNAL_COMING(X) \
    X(retry_at)           \
    X(delete_at)
/* X(field, word, word…): the words in the order of the enumeration; the first one is left out. */
#define JOURNAL_WORDS(X)                      \
    X(room, "unseen", "open", "finished")     \
    X(choice, "none", "agent", "nobody")      \
    X(process, "none", "starting", "running") \
    X(voice, "none", "joined", "speaks")      \
    X(exit, "clean", "crashed", "never-again", "unknown")
/* In the order of enum choice_reason. */
#define JOURNAL_REASONS "room", "rule", "default", "first", "command"
#define JOURNAL_ROLES "caller", "outbound", "other"
#define JOURNAL_STATES "none", "here", "left-soft", "left-hard", "rejected"

#endif
