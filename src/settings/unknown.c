/* The nearest known name, by edit distance. */
#include "settings/unknown.h"

#include "base/mem.h"
#include "base/text.h"
#include "settings/row.h"

enum { SHOWN_NAME = 64, NEAR = 4 };

/* What an agent's process gets from sipbridge: a command started by an agent sees these. */
static const char *const agents_names[] = {
    "LIVEKIT_TOKEN",     "SIP_CALL_SID", "SIP_ROOM_NAME", "SIP_AGENT_NAME", "SIP_CALLED_NUMBER",
    "SIP_CALLER_NUMBER", "SIP_TRUNK_ID", "SIP_RULE_ID",   "SIP_INSTANCE",   "SIP_RULE_METADATA",
};

static bool is_agents(struct slice name) {
    for (size_t i = 0; i < ARRAY_LEN(agents_names); i++) {
        if (slice_is(name, agents_names[i])) {
            return true;
        }
    }
    return false;
}

static const char *nearest(struct slice name) {
    const char *best = NULL;
    unsigned best_distance = NEAR + 1;
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        unsigned distance = text_distance(name, slice_of(row_at(id)->info.name), NEAR);
        if (distance < best_distance) {
            best = row_at(id)->info.name;
            best_distance = distance;
        }
    }
    return best;
}

bool unknown_name(struct slice name, struct diag *ret_diag) {
    bool ours = slice_starts(name, SLICE("SIP_")) || slice_starts(name, SLICE("LIVEKIT_"));
    if (!ours || is_agents(name)) {
        return false;
    }
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, name, SHOWN_NAME);
    const char *near = nearest(name);
    if (near != NULL) {
        (void)diag_fail(ret_diag, shown.p, "is no setting and means nothing; did you mean %s?", near);
    } else {
        (void)diag_fail(ret_diag, shown.p, "is no setting and means nothing; `sipbridge config` lists them all");
    }
    return true;
}
