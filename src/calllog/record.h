/* One line of the call log (SIP_CALL_LOG): what is left of a call that is over. A value, its text and back; pure.
 *
 * CALL_RECORD_FIELDS is the format: the writer, the reader and doc/call-log.md come from it, doc/call-log.schema.json says
 * the same as a JSON Schema. Within a version members may be added, so readers ignore what they do not know; whatever they
 * would misunderstand gets a new number. */
#ifndef CALLLOG_RECORD_H
#define CALLLOG_RECORD_H

#include "base/buf.h"
#include "base/diag.h"

struct json_t;

enum {
    CALL_RECORD_VERSION = 1,
    CALL_RECORD_MAX_TEXT = 512,     /* bytes of a text: what is longer is cut */
    CALL_RECORD_MAX_LINE = 64 << 10 /* bytes of a line that is read; none is written that long */
};

/* X(kind, name, help), in the order of the line. Kinds: TEXT, null when empty; TIME, null when 0; MS, null below 0; COUNT. */
#define CALL_RECORD_FIELDS(X)                                                                                          \
    X(TEXT, sid, "LiveKit's id of the room. It comes again only where a caller joined the room after that call's end") \
    X(TEXT, room, "the room's name")                                                                                   \
    X(TEXT, caller, "the caller's number as LiveKit gave it; null: hidden, or no caller was seen")                     \
    X(TEXT, called, "the called number as LiveKit gave it; null: hidden, or not known")                                \
    X(TEXT, trunk, "LiveKit's SIP trunk (`sip.trunkID`)")                                                              \
    X(TEXT, dispatch_rule, "LiveKit's own dispatch rule (`sip.ruleID`)")                                               \
    X(TEXT, agent, "the agent; null: none was chosen")                                                                 \
    X(TEXT, chosen, "what chose it: `ROOM` (its metadata), `RULE`, `DEFAULT`, `FIRST`, `COMMAND`; null: nothing did")  \
    X(TEXT, rule, "the rule that did, as `rules list` shows it")                                                       \
    X(TIME, created, "LiveKit's time of the first event, whole seconds of its clock; null: it told none")              \
    X(TIME, first_seen, "when that event came here")                                                                   \
    X(TIME, answered, "the first audio of an agent; null: never")                                                      \
    X(TIME, ended, "when it was known that the call is over; its agent may have needed longer")                        \
    X(MS, ring_ms, "how long the caller heard ringing: from `first_seen` to `answered`")                               \
    X(MS, talk_ms, "from `answered` to `ended`")                                                                       \
    X(MS, duration_ms, "from `first_seen` to `ended`")                                                                 \
    X(TEXT, end, "why it ended: `CALLER_LEFT`, `AGENT_DONE`, `NO_AGENT` …")                                            \
    X(TEXT, limit, "which limit was reached, where `end` is `OVERLOAD`: `calls`, `starts`, `memory`")                  \
    X(COUNT, starts, "agent processes started for it")                                                                 \
    X(COUNT, restarts, "of these, those that took another one's place")                                                \
    X(COUNT, kills,                                                                                                    \
      "processes that did not end when told and had to be killed (not known of those that a restart of "               \
      "sipbridge took back)")                                                                                          \
    X(TEXT, version, "of sipbridge")

/* Slices are borrowed: of whoever filled it, or of `tree`. */
struct call_record {
#define CALL_RECORD_TEXT(name) struct slice name;
#define CALL_RECORD_TIME(name) int64_t name; /* Unix, milliseconds */
#define CALL_RECORD_MS(name) int64_t name;
#define CALL_RECORD_COUNT(name) uint64_t name;
#define X(kind, name, help) CALL_RECORD_##kind(name)
    CALL_RECORD_FIELDS(X)
#undef X
#undef CALL_RECORD_TEXT
#undef CALL_RECORD_TIME
#undef CALL_RECORD_MS
#undef CALL_RECORD_COUNT
    struct json_t *tree; /* NULL in a record that was not read */
};

/* Appends the line with its newline. MASK_NUMBERS hides all but the last three digits of phone numbers, in the room's name
 * and the rule too (SIP_LOG_NUMBERS). */
void call_record_write(const struct call_record *record, bool mask_numbers, struct buf *out);
/* Reads a line (without its newline); false with DIAG for what is none, or one of a later version. Else for
 * call_record_release. The sid is one (text_is_sid), `end` is not empty, `first_seen` and `ended` are there. */
bool call_record_read(struct slice line, struct call_record *ret_record, struct diag *diag)
    __attribute__((warn_unused_result));
void call_record_release(struct call_record *record);

/* The table of the fields, in Markdown: `sipbridge docs call-log`. */
void call_record_describe(struct buf *out);

#endif
