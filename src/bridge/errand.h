/* One question of the bridge to LiveKit, from the asking to the last answer: made by livekit_link.c and hang_up.c. */
#ifndef BRIDGE_ERRAND_H
#define BRIDGE_ERRAND_H

#include "bridge/internal.h"
#include "bridge/livekit_link.h"
#include "bridge/trunks.h"

enum {
    ASK_AGAIN_MS = 2000,
    FAILURES_APART_MS = 10000, /* while LiveKit is away every call asks again and again: warned of so often */
};

struct errand {
    struct livekit_link *link;
    const struct errand_kind *kind;
    char sid[ENGINE_LABEL_MAX + 1]; /* "" for a rejection */
    struct slice room, identity;    /* owned */
    struct livekit_participant *listed;
    bool of_live_call; /* when it was first asked */
    void (*on_asked)(void *context, enum livekit_outcome outcome);
    void *context;
    unsigned confirming; /* errands for callers of its list that are under way … */
    bool unsure;         /* … and of one LiveKit could not tell */
    void (*on_confirmed)(struct errand *errand);
    unsigned tries;
    mono_ms again_at; /* MONO_NEVER: not waiting */
    void *asked;      /* NULL while it waits to ask again */
    struct errand *prev, *next;
};

/* What an errand asks first, and what becomes of the answer. */
struct errand_kind {
    enum question_kind question;
    void (*on_answer)(struct errand *errand, const struct livekit_result *result);
    const char *what; /* "LiveKit could not be asked to …" */
};

struct livekit_link {
    struct livekit_link_options options;
    struct bridge *bridge;
    struct errand *errands;
    struct trunks trunks;
    struct log_limit failure_limit;
};

struct errand *errand_new(struct livekit_link *link, const struct errand_kind *kind, struct slice sid,
                          struct slice room);
void errand_free(struct errand *errand);
/* One of KIND about IDENTITY in ROOM, or NULL. */
struct errand *errand_find(const struct livekit_link *link, const struct errand_kind *kind, struct slice room,
                           struct slice identity);
/* Asks what its kind asks; the answer comes to the kind's on_answer, which frees it, asks again or goes on. */
void errand_ask(struct errand *errand);
void errand_ask_again(struct errand *errand, int64_t delay_ms);
/* Goes on as another kind of errand, at once. */
void errand_go_on(struct errand *errand, const struct errand_kind *kind);
void errand_log_failure(const struct errand *errand, const struct livekit_result *result);
/* Callers whom nothing has told of are asked for, each by an errand of its own; whether there was any. When all have
 * answered, THEN goes on: ERRAND->unsure when it is not known of one. */
bool errand_confirm_callers(struct errand *errand, const struct livekit_answer *answer,
                            void (*then)(struct errand *errand));
mono_ms errand_now(const struct livekit_link *link);

/* hang_up.c: two functions of the port. */
bool errand_delete_room(void *self, const char *sid, struct slice room);
bool errand_reject(void *self, struct slice room, struct slice identity, enum reject_when when);

#endif
