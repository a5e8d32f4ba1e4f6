/* The tables as data, and walking them. */
#include "doctor/check.h"

#include "base/mem.h"
#include "doctor/judges.h"

static const struct doctor_check checks[] = {
#define X(function, name, needs, looks_at, causes) {name, needs, looks_at, causes, judge_##function},
    DOCTOR_CHECKS(X)
#undef X
};

size_t doctor_check_count(void) {
    return ARRAY_LEN(checks);
}

const struct doctor_check *doctor_check_at(size_t place) {
    return &checks[place];
}

bool exam_is_ok(const struct livekit_result *result) {
    return result != NULL && result->outcome == LIVEKIT_OK;
}

/* A refusal is an answer, too; what is "odd" is not LiveKit's. */
static bool is_answer(const struct livekit_result *result) {
    return result != NULL && (result->outcome == LIVEKIT_OK || result->outcome == LIVEKIT_REFUSED ||
                              result->outcome == LIVEKIT_NOT_FOUND);
}

bool exam_livekit_answers(const struct exam *exam) {
    return is_answer(exam->livekit.rooms) || is_answer(exam->livekit.trunks) || is_answer(exam->livekit.rules);
}

/* LiveKit says in plain text that it does not know a key, and with a Twirp code that a grant is missing. */
static bool shows_key(const struct livekit_result *result) {
    return is_answer(result) && (result->outcome != LIVEKIT_REFUSED || result->code[0] != '\0');
}

bool exam_key_accepted(const struct exam *exam) {
    return shows_key(exam->livekit.rooms) || shows_key(exam->livekit.trunks) || shows_key(exam->livekit.rules);
}

bool exam_worker_took_room(const struct exam_livekit *livekit) {
    const struct livekit_result *participants = livekit->participants, *dispatches = livekit->dispatches;
    for (size_t i = 0; exam_is_ok(participants) && i < participants->answer.count; i++) {
        if (participants->answer.participants[i].kind == KIND_AGENT) {
            return true;
        }
    }
    for (size_t i = 0; exam_is_ok(dispatches) && i < dispatches->answer.count; i++) {
        if (dispatches->answer.dispatches[i].jobs > 0) {
            return true;
        }
    }
    return false;
}

static bool holds(const struct exam *exam, enum doctor_need need) {
    switch (need) {
#define X(name, before, when, because) \
    case NEED_##name: return when;
        DOCTOR_NEEDS(X)
#undef X
    case NEED_COUNT: break;
    }
    return true;
}

/* NEEDS and all that comes before them. */
static unsigned with_those_before(unsigned needs) {
    static const enum doctor_need before[] = {
#define X(name, before, when, because) NEED_##before,
        DOCTOR_NEEDS(X)
#undef X
    };
    for (unsigned i = NEED_COUNT; i-- > 0;) {
        needs |= (needs >> i & 1U) << before[i];
    }
    return needs;
}

/* Why CHECK cannot be made, or NULL. A need stands after the one before it, so the first that fails is the cause. */
static const char *why_not(const struct exam *exam, const struct doctor_check *check) {
    static const char *const because[] = {
#define X(name, before, when, because) because,
        DOCTOR_NEEDS(X)
#undef X
    };
    unsigned needs = with_those_before(check->needs);
    for (unsigned i = 0; i < NEED_COUNT; i++) {
        if ((needs >> i & 1U) != 0 && !holds(exam, (enum doctor_need)i)) {
            return because[i];
        }
    }
    return NULL;
}

void doctor_judge(const struct exam *exam, struct findings *findings) {
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        bool is_unwanted = (checks[i].needs & WITH(URL)) != 0 && exam->url.url == NULL;
        const char *reason = why_not(exam, &checks[i]);
        findings_begin(findings, checks[i].name);
        if (reason == NULL) {
            checks[i].judge(exam, findings);
        } else if (!is_unwanted) {
            (void)findings_add(findings, FINDING_SKIPPED, "not checked, because %s", reason);
        }
    }
}
