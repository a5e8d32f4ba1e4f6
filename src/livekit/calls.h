/* What can be asked of LiveKit's server API: one function a method, each with the token of least grant for it. See
 * livekit/api.h for how calls run and how they end; ASK is NULL for one that is waited for. What is handed in is
 * copied. "-> rooms" says what result->answer holds when the outcome is LIVEKIT_OK. */
#ifndef LIVEKIT_CALLS_H
#define LIVEKIT_CALLS_H

#include "livekit/api.h"

/* -> rooms: those with NAMES, or all of them (count 0), stale ones included. */
struct livekit_call *livekit_list_rooms(struct livekit_api *api, const struct livekit_ask *ask,
                                        struct livekit_texts names);
/* -> rooms: it, new or as it was. LiveKit deletes it after EMPTY_TIMEOUT_S without people (0: its default). */
struct livekit_call *livekit_create_room(struct livekit_api *api, const struct livekit_ask *ask, struct slice name,
                                         int empty_timeout_s);
/* Hangs up: disconnects everybody. LIVEKIT_NOT_FOUND is as good as done. */
struct livekit_call *livekit_delete_room(struct livekit_api *api, const struct livekit_ask *ask, struct slice room);

/* -> participants; none for a room that is not there. From Redis: a crash of LiveKit leaves legs that are gone. */
struct livekit_call *livekit_list_participants(struct livekit_api *api, const struct livekit_ask *ask,
                                               struct slice room);
/* Hangs up one leg. LIVEKIT_NOT_FOUND is as good as done. */
struct livekit_call *livekit_remove_participant(struct livekit_api *api, const struct livekit_ask *ask,
                                                struct slice room, struct slice identity);
/* Whether somebody is really there (UpdateSubscriptions without tracks): LIVEKIT_OK if so. Anything else is not a
 * confirmation; LIVEKIT_NOT_FOUND says that no server answers for them, which takes LiveKit 3 s to find out. One
 * try, and no word on LiveKit's health. */
struct livekit_call *livekit_confirm_participant(struct livekit_api *api, const struct livekit_ask *ask,
                                                 struct slice room, struct slice identity);

/* -> trunks (inbound ones). */
struct livekit_call *livekit_list_trunks(struct livekit_api *api, const struct livekit_ask *ask);
/* -> trunks: it. Its id and has_password are ignored. LiveKit wants numbers, allowed addresses or a password. */
struct livekit_call *livekit_create_trunk(struct livekit_api *api, const struct livekit_ask *ask,
                                          const struct livekit_trunk *trunk, struct slice auth_password);

/* What becomes of a list: replaced by SET unless that is empty, else with ADD and without REMOVE; or emptied. */
struct livekit_list_change {
    struct livekit_texts set, add, remove;
    bool clear;
};
struct livekit_trunk_change {
    const struct slice *name, *metadata, *auth_username, *auth_password; /* NULL: stays */
    struct livekit_list_change numbers, allowed_addresses, allowed_numbers;
};
/* -> trunks: it, changed. */
struct livekit_call *livekit_update_trunk(struct livekit_api *api, const struct livekit_ask *ask, struct slice id,
                                          const struct livekit_trunk_change *change);
/* LiveKit answers OK for one that is not there, too. */
struct livekit_call *livekit_delete_trunk(struct livekit_api *api, const struct livekit_ask *ask, struct slice id);

/* -> rules: LiveKit's own SIP dispatch rules. */
struct livekit_call *livekit_list_rules(struct livekit_api *api, const struct livekit_ask *ask);
/* -> rules: it. Its id and has_pin are ignored; LIVEKIT_RULE_OTHER is a mistake. */
struct livekit_call *livekit_create_rule(struct livekit_api *api, const struct livekit_ask *ask,
                                         const struct livekit_rule *rule);
struct livekit_call *livekit_delete_rule(struct livekit_api *api, const struct livekit_ask *ask, struct slice id);

/* -> dispatches: LiveKit's own agents asked into ROOM. */
struct livekit_call *livekit_list_dispatches(struct livekit_api *api, const struct livekit_ask *ask, struct slice room);

#endif
