/* What LiveKit's server API tells, as typed values (livekit/protocol livekit_models.proto, livekit_sip.proto,
 * livekit_agent_dispatch.proto). Text is valid UTF-8 without NUL, otherwise arbitrary; absent means n == 0. All of it
 * belongs to the struct livekit_answer it came in. */
#ifndef LIVEKIT_MODEL_H
#define LIVEKIT_MODEL_H

#include "webhooks/event.h"

struct livekit_texts {
    const struct slice *at;
    size_t count;
};

struct livekit_room {
    struct slice sid, name, metadata;
    int64_t creation_time_s; /* Unix */
    int64_t num_participants, num_publishers;
    int64_t empty_timeout_s, departure_timeout_s;
};

enum livekit_state { LIVEKIT_JOINING, LIVEKIT_JOINED, LIVEKIT_ACTIVE, LIVEKIT_DISCONNECTED, LIVEKIT_STATE_OTHER };

struct livekit_participant {
    struct slice sid, identity, name;
    enum participant_kind kind;
    enum livekit_state state;
    int64_t joined_at_s; /* Unix */
    /* attributes["sip.…"]; empty unless kind is KIND_SIP: any client may set attributes */
    struct slice called, caller, trunk_id, rule_id, call_id, call_status;
    struct slice attributes; /* all attributes as one compact JSON object; "" when there are none */
    size_t audio_tracks;
    struct slice audio_track; /* the sid of the first */
};

/* An inbound trunk. Its password never gets this far. */
struct livekit_trunk {
    struct slice id, name, metadata, auth_username;
    struct livekit_texts numbers, allowed_addresses, allowed_numbers;
    bool has_password;
};

enum livekit_rule_kind { LIVEKIT_RULE_OTHER, LIVEKIT_RULE_DIRECT, LIVEKIT_RULE_INDIVIDUAL, LIVEKIT_RULE_CALLEE };

/* One of LiveKit's own SIP dispatch rules. */
struct livekit_rule {
    struct slice id, name, metadata;
    enum livekit_rule_kind kind;
    struct slice room;    /* DIRECT: the room's name; INDIVIDUAL, CALLEE: its prefix, to which LiveKit adds "_" */
    bool has_pin, random; /* random: the room's name ends in random characters */
    bool hide_phone_number;
    struct livekit_texts trunk_ids;                /* empty: every trunk's calls */
    struct livekit_texts numbers, inbound_numbers; /* called, calling; empty: any */
    struct livekit_texts agents;                   /* room_config.agents: LiveKit's own agents, by name */
    struct slice room_metadata;                    /* room_config.metadata */
};
/* Whether the names of the rooms that RULE makes begin with PREFIX. */
bool livekit_rule_makes(const struct livekit_rule *rule, struct slice prefix);

struct livekit_dispatch {
    struct slice id, agent_name, room, metadata;
    size_t jobs; /* given to a worker */
};

enum livekit_what {
    LIVEKIT_NOTHING,
    LIVEKIT_ROOMS,
    LIVEKIT_PARTICIPANTS,
    LIVEKIT_TRUNKS,
    LIVEKIT_RULES,
    LIVEKIT_DISPATCHES,
};

/* A list of one of these. A call that makes one thing answers with a list of one. */
struct livekit_answer {
    enum livekit_what what;
    size_t count;
    union {
        const void *items;
        const struct livekit_room *rooms;
        const struct livekit_participant *participants;
        const struct livekit_trunk *trunks;
        const struct livekit_rule *rules;
        const struct livekit_dispatch *dispatches;
    };
    /* Items without the id they must have, or with an id, name or sip.* attribute that no webhook may carry either
     * (EVENT_MAX_SID, EVENT_MAX_NAME, U+0000): not in the list. */
    size_t left_out;
    struct tree *tree;            /* the text lives here … */
    struct livekit_block *blocks; /* … and here */
};

#endif
