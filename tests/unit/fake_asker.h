/* A LiveKit that answers when the test says so, and what it says: questions are recorded in the order they were asked,
 * each as a word ("participants ROOM;"), and answered oldest first. Included after cmocka.h. */
#ifndef TESTS_FAKE_ASKER_H
#define TESTS_FAKE_ASKER_H

#include <stdio.h>
#include <utlist.h>

#include "base/buf.h"
#include "base/mem.h"
#include "bridge/asker.h"

struct fake_question {
    enum question_kind kind;
    char *words; /* as in the log */
    bool urgent;
    int timeout_ms;
    void (*on_done)(void *context, const struct livekit_result *result);
    void *context;
    struct fake_question *prev, *next;
};

struct fake_asker {
    struct fake_question *open; /* oldest first */
    struct buf log;
    unsigned asked, cancelled;
};

static inline void *fake_start(void *self, const struct question *question) {
    static const char *const words[] = {
        [QUESTION_ROOMS] = "rooms",     [QUESTION_ROOM] = "room",     [QUESTION_PARTICIPANTS] = "participants",
        [QUESTION_CONFIRM] = "confirm", [QUESTION_TRUNKS] = "trunks", [QUESTION_DELETE] = "delete",
        [QUESTION_REMOVE] = "remove",
    };
    struct fake_asker *fake = self;
    struct fake_question *open = xcalloc(1, sizeof *open);
    *open = (struct fake_question){.kind = question->kind,
                                   .urgent = question->urgent,
                                   .timeout_ms = question->timeout_ms,
                                   .on_done = question->on_done,
                                   .context = question->context};
    open->words =
        xasprintf("%s%s%.*s%s%.*s;", words[question->kind], question->room.n > 0 ? " " : "", SLICE_ARG(question->room),
                  question->identity.n > 0 ? " " : "", SLICE_ARG(question->identity));
    buf_adds(&fake->log, open->words);
    fake->asked++;
    DL_APPEND(fake->open, open);
    return open;
}

static inline void fake_drop(struct fake_asker *fake, struct fake_question *question) {
    DL_DELETE(fake->open, question);
    free(question->words);
    free(question);
}

static inline void fake_cancel(void *self, void *asked) {
    struct fake_asker *fake = self;
    if (asked != NULL) {
        fake->cancelled++;
        fake_drop(fake, asked);
    }
}

static inline struct asker fake_asker(struct fake_asker *fake) {
    return (struct asker){.self = fake, .start = fake_start, .cancel = fake_cancel};
}

/* Nobody may be left waiting for an answer that cannot come. */
static inline void fake_release(struct fake_asker *fake) {
    assert_null(fake->open);
    buf_release(&fake->log);
}

static inline unsigned fake_open(const struct fake_asker *fake) {
    unsigned count = 0;
    const struct fake_question *question;
    DL_COUNT(fake->open, question, count);
    return count;
}

/* What was asked since the last call of this. */
static inline void fake_did(struct fake_asker *fake, const char *wanted) {
    assert_string_equal(fake->log.len > 0 ? fake->log.p : "", wanted);
    buf_clear(&fake->log);
}

/* Answers QUESTION; the callback may ask more. */
static inline void fake_answer_to(struct fake_asker *fake, struct fake_question *question,
                                  const struct livekit_result *result) {
    struct fake_question copy = *question;
    fake_drop(fake, question);
    copy.on_done(copy.context, result);
}

/* Answers the oldest question, which must be of KIND. */
static inline void fake_result(struct fake_asker *fake, enum question_kind kind, const struct livekit_result *result) {
    assert_non_null(fake->open);
    assert_int_equal(fake->open->kind, kind);
    fake_answer_to(fake, fake->open, result);
}

static inline void fake_outcome(struct fake_asker *fake, enum question_kind kind, enum livekit_outcome outcome) {
    struct livekit_result result = {.outcome = outcome};
    snprintf(result.why, sizeof result.why, "%s", outcome == LIVEKIT_OK ? "" : "a test");
    fake_result(fake, kind, &result);
}

/* LIST is borrowed for the call. */
static inline void fake_list(struct fake_asker *fake, enum question_kind kind, const void *list, size_t count) {
    struct livekit_result result = {.outcome = LIVEKIT_OK, .answer = {.count = count, .items = list}};
    fake_result(fake, kind, &result);
}

/* Participants and rooms as LiveKit lists them. */
static inline struct livekit_participant fake_caller(const char *sid) {
    return (struct livekit_participant){.sid = slice_of(sid),
                                        .identity = slice_of(sid),
                                        .kind = KIND_SIP,
                                        .state = LIVEKIT_ACTIVE,
                                        .called = SLICE("+15550001"),
                                        .caller = SLICE("+49111"),
                                        .trunk_id = SLICE("ST_1"),
                                        .rule_id = SLICE("SDR_1"),
                                        .attributes = SLICE("{}"),
                                        .audio_tracks = 1};
}

static inline struct livekit_participant fake_person(const char *sid, const char *identity,
                                                     enum participant_kind kind) {
    return (struct livekit_participant){
        .sid = slice_of(sid), .identity = slice_of(identity), .kind = kind, .state = LIVEKIT_ACTIVE, .audio_tracks = 1};
}

static inline struct livekit_participant fake_agent(const char *sid) {
    return fake_person(sid, "sip-agent-RM_1", KIND_AGENT);
}

static inline struct livekit_room fake_room(const char *sid, const char *name, int64_t people) {
    return (struct livekit_room){.sid = slice_of(sid), .name = slice_of(name), .num_participants = people};
}

/* A list of one, or of several. */
#define FAKE_PEOPLE(fake, ...)                                                               \
    do {                                                                                     \
        const struct livekit_participant people_[] = {__VA_ARGS__};                          \
        fake_list(fake, QUESTION_PARTICIPANTS, people_, sizeof people_ / sizeof people_[0]); \
    } while (0)
#define FAKE_NOBODY(fake) fake_list(fake, QUESTION_PARTICIPANTS, NULL, 0)

#endif
