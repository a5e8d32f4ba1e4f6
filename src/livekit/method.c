/* The rows, and what an HTTP answer means. */
#include "livekit/method.h"

#include <stdio.h>

#include "base/text.h"
#include "http/multi.h"

const struct method *method_get(enum method_name name) {
    static const struct method methods[] = {
#define X(name, path, grant, care, what, list) \
    [METHOD_##name] = {"" path, TOKEN_##grant, METHOD_##care, {LIVEKIT_##what, list}},
        METHODS(X)
#undef X
    };
    return &methods[name];
}

static enum contact_state no_answer(const struct http_multi_answer *answer, struct livekit_result *ret) {
    struct buf why cleanup_buf = {0};
    text_escape(&why, slice_of(answer->why), sizeof ret->why - 64);
    switch (answer->end) {
    case HTTP_TOO_LONG:
        ret->outcome = LIVEKIT_ODD;
        snprintf(ret->why, sizeof ret->why, "%s", why.p);
        return CONTACT_ODD;
    case HTTP_NOT_TRUSTED:
        snprintf(ret->why, sizeof ret->why, "no trusted TLS connection (%s); is the authority's file right?", why.p);
        break;
    default: snprintf(ret->why, sizeof ret->why, "%s", why.p); break;
    }
    ret->outcome = LIVEKIT_AWAY;
    return CONTACT_AWAY;
}

static enum contact_state parse(const struct method *method, const struct http_multi_answer *answer,
                                struct livekit_result *ret) {
    struct diag diag = {0};
    char text[sizeof ret->why - 64];
    if (parse_answer(&method->shape, answer->body, &ret->answer, &diag)) {
        ret->outcome = LIVEKIT_OK;
        return CONTACT_CONNECTED;
    }
    diag_text(&diag, text, sizeof text);
    snprintf(ret->why, sizeof ret->why, "the answer to %s cannot be read: %s", method->path, text);
    ret->outcome = LIVEKIT_ODD;
    return CONTACT_ODD;
}

static enum contact_state unauthorised(int status, const char *key, const char *message, struct livekit_result *ret) {
    ret->outcome = LIVEKIT_REFUSED;
    snprintf(ret->why, sizeof ret->why,
             "it does not accept a token of the API key %s (%d%s%s); are LIVEKIT_API_KEY and LIVEKIT_API_SECRET the "
             "server's, and do the clocks agree?",
             key, status, message[0] != '\0' ? ": " : "", message);
    return CONTACT_REFUSED;
}

/* Whether a status says that another time may do. */
static bool is_for_later(int status) {
    return status == 408 || status == 429 || (status >= 500 && status != 501);
}

/* An answer in Twirp's form. */
static enum contact_state twirp_error(const struct method *method, int status, const char *message,
                                      struct livekit_result *ret) {
    snprintf(ret->why, sizeof ret->why, "%s: %s (%d)", ret->code, message, status);
    bool is_unavailable = status == 503 && strcmp(ret->code, "unavailable") == 0;
    if (status == 404 && strcmp(ret->code, "not_found") == 0) {
        ret->outcome = LIVEKIT_NOT_FOUND;
    } else if (is_unavailable && method->care == METHOD_PRESENCE) {
        ret->outcome = LIVEKIT_NOT_FOUND;
        return CONTACT_UNTRIED;
    } else if (is_for_later(status)) {
        ret->outcome = LIVEKIT_AWAY;
        return CONTACT_AWAY;
    } else {
        ret->outcome = LIVEKIT_REFUSED;
    }
    return CONTACT_CONNECTED;
}

static enum contact_state other_error(int status, struct livekit_result *ret) {
    ret->outcome = is_for_later(status) ? LIVEKIT_AWAY : LIVEKIT_ODD;
    if (is_for_later(status)) {
        snprintf(ret->why, sizeof ret->why, "it answers %d", status);
        return CONTACT_AWAY;
    }
    snprintf(ret->why, sizeof ret->why, "what answers %d there is not LiveKit; is LIVEKIT_URL its final address?",
             status);
    return CONTACT_ODD;
}

enum contact_state method_judge(const struct method *method, const struct http_multi_answer *answer, const char *key,
                                struct livekit_result *ret) {
    char message[PARSE_MESSAGE_SIZE] = "";
    *ret = (struct livekit_result){.status = answer->status, .is_late = answer->end == HTTP_TIMED_OUT};
    if (answer->end != HTTP_ANSWERED) {
        enum contact_state state = no_answer(answer, ret);
        bool is_slow = answer->end == HTTP_TIMED_OUT && method->care == METHOD_PRESENCE;
        return is_slow ? CONTACT_UNTRIED : state;
    }
    if (answer->status == 200) {
        return parse(method, answer, ret);
    }
    bool is_twirp = parse_error(answer->body, ret->code, message);
    if (answer->status == 401 || answer->status == 403) {
        return unauthorised(answer->status, key, message, ret);
    }
    return is_twirp ? twirp_error(method, answer->status, message, ret) : other_error(answer->status, ret);
}
