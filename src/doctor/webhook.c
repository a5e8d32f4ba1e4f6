/* Do webhooks arrive? LiveKit's own about the throw-away room, and ours through the proxy that --webhook-url names. */
#include <stdio.h>
#include <string.h>

#include "doctor/judges.h"

/* X(reason's label, what happened to LiveKit's webhook, what mends it) */
#define REJECTIONS(X)                                                                                                \
    X("no_token", "it came without an Authorization header: a proxy in between drops it",                            \
      "let the proxy pass it: nginx `proxy_set_header Authorization $http_authorization;`, Apache `CGIPassAuth on`") \
    X("two_tokens", "it came with two Authorization headers: a proxy in between adds one",                           \
      "take the proxy's own authentication (`auth_basic`, `proxy_set_header Authorization`) off the webhook's path") \
    X("not_jwt", "its Authorization header is not LiveKit's token: a proxy in between replaces it",                  \
      "take the proxy's own authentication (`auth_basic`, `proxy_set_header Authorization`) off the webhook's path") \
    X("bad_signature", "it is signed with a key that is not among ours",                                             \
      "`webhook: api_key:` in LiveKit's configuration must name one of our keys, or add that key to LIVEKIT_KEYS")   \
    X("wrong_issuer", "it is signed with a secret that we have under another name",                                  \
      "LIVEKIT_API_KEY must be the name under `keys:` in LiveKit's configuration")                                   \
    X("expired", "its token has expired: the clocks disagree, or a proxy holds requests back",                       \
      "set both clocks by NTP: timedatectl set-ntp true")                                                            \
    X("not_yet", "its token is not valid yet: the clocks disagree",                                                  \
      "set both clocks by NTP: timedatectl set-ntp true")                                                            \
    X("body_changed", "its body is not the one that was signed: a proxy in between rewrites it",                     \
      "let the body pass byte for byte: no JSON filter, no charset conversion, no web application firewall that "    \
      "rewrites on the webhook's path")

struct rejection {
    const char *reason, *means, *repair;
};

static struct rejection rejection_of(const char *reason) {
    static const struct rejection all[] = {
#define X(reason, means, repair) {reason, means, repair},
        REJECTIONS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i].reason, reason) == 0) {
            return all[i];
        }
    }
    return (struct rejection){
        reason, "its token is not one of LiveKit's webhooks",
        "keep its body and its Authorization header, and run: sipbridge verify --authorization TOKEN FILE"};
}

/* Where LiveKit should send webhooks, as far as can be told from here. */
static void add_url(const struct exam *exam, char *ret_url, size_t size) {
    const struct settings *settings = exam->settings.values;
    const char *listen = settings->listen[0];
    bool everywhere = listen[0] == ':' || strncmp(listen, "0.0.0.0:", 8) == 0 || strncmp(listen, "[::]:", 5) == 0;
    const char *colon = strrchr(listen, ':');
    if (exam->url.url != NULL) {
        snprintf(ret_url, size, "%s", exam->url.url);
    } else if (everywhere && colon != NULL) {
        snprintf(ret_url, size, "http://THIS-HOST%s%s", colon, settings->webhook_path);
    } else if (strncmp(listen, "unix:", 5) == 0 || strncmp(listen, "fd:", 3) == 0) {
        snprintf(ret_url, size, "http://THIS-HOST%s", settings->webhook_path);
    } else {
        snprintf(ret_url, size, "http://%s%s", listen, settings->webhook_path);
    }
}

static void repair_with_yaml(const struct exam *exam, struct findings *findings, struct finding *finding) {
    char url[512];
    add_url(exam, url, sizeof url);
    finding_repair(finding,
                   "in LiveKit's configuration, then restart it (LiveKit Cloud: in its dashboard):\nwebhook:\n  "
                   "api_key: %s\n  urls: [\"%s\"]",
                   findings_show(findings, slice_of(exam->settings.key)), findings_text(findings, url));
}

static void tell_nothing_came(const struct exam *exam, struct findings *findings) {
    const struct exam_webhook *webhook = &exam->webhook;
    struct finding *finding =
        findings_problem(findings, "LiveKit made a room and no webhook about it came within %.1f s",
                         (double)webhook->waited_ms / 1000);
    finding_causes(finding, "sipbridge hears of no call: calls ring in vain");
    repair_with_yaml(exam, findings, finding);
}

static void tell_rejected(const struct exam *exam, struct findings *findings) {
    const struct exam_sighting *seen = &exam->webhook.seen;
    struct rejection rejection = rejection_of(seen->reason);
    struct finding *finding = findings_problem(findings, "LiveKit's webhook came and was refused (%s): %s",
                                               findings_show(findings, slice_of(seen->reason)), rejection.means);
    finding_causes(finding, "sipbridge acts on no event: calls ring in vain");
    finding_repair(finding, "%s\n%s", rejection.repair, findings_text(findings, seen->hint));
}

void judge_webhook(const struct exam *exam, struct findings *findings) {
    const struct exam_sighting *seen = &exam->webhook.seen;
    if (!exam->webhook.waited || !seen->looked) {
        (void)findings_add(findings, FINDING_SKIPPED,
                           "not checked, because the running bridge's status cannot be read");
    } else if (seen->arrived) {
        findings_ok(findings, "LiveKit's webhook arrives, signed with the key %s",
                    findings_show(findings, slice_of(seen->key)));
    } else if (seen->rejected > 0) {
        tell_rejected(exam, findings);
    } else if (seen->invalid > 0) {
        struct finding *finding =
            findings_problem(findings, "LiveKit's webhook came, signed, but is not an event (400)");
        finding_causes(finding, "sipbridge acts on no event: calls ring in vain");
        finding_repair(finding, "sipbridge status shows what is wrong with it; is this LiveKit of a known version?");
    } else {
        tell_nothing_came(exam, findings);
    }
}

/* What an HTTP status says when our bridge did not see the request. X(from, to, what, causes, repair) */
#define ANSWERS(X)                                                                                                     \
    X(300, 399, "it answers with a redirect", "LiveKit's event is lost or arrives as a GET",                           \
      "give LiveKit the final URL (https:// instead of http://, no or one slash at the end)")                          \
    X(400, 400, "what is there takes the request for a bad one",                                                       \
      "LiveKit's event is lost: it does not repeat after 4xx", "look into the proxy's error log")                      \
    X(401, 401, "something before the bridge wants a log-in", "LiveKit's event is lost: it does not repeat after 4xx", \
      "take the proxy's own authentication off the webhook's path")                                                    \
    X(403, 403, "something before the bridge forbids it", "LiveKit's event is lost: it does not repeat after 4xx",     \
      "let the proxy or firewall pass POST to the webhook's path")                                                     \
    X(404, 404, "nothing is at that path", "LiveKit's event is lost: it does not repeat after 4xx",                    \
      "the URL's path must be that of the proxy's location, and the bridge's SIP_WEBHOOK_PATH")                        \
    X(405, 405, "POST is not allowed there", "LiveKit's event is lost: it does not repeat after 4xx",                  \
      "let the proxy pass POST to the webhook's path (nginx: limit_except)")                                           \
    X(413, 413, "the proxy takes the body for too large", "LiveKit's event is lost: it does not repeat after 4xx",     \
      "nginx: client_max_body_size 1m; on the webhook's path")                                                         \
    X(502, 504, "the proxy does not reach the bridge", "LiveKit repeats for 15 s, then the event is lost",             \
      "the proxy's upstream must be an address of SIP_LISTEN, and the bridge must run")                                \
    X(200, 299, "but the running bridge saw nothing: something else answers there", "LiveKit's events go to it",       \
      "send the webhook's path to an address of SIP_LISTEN")                                                           \
    X(100, 999, "the bridge did not see it", "LiveKit's event is lost", "look into the proxy's error log")

static void tell_answer(const struct exam *exam, struct findings *findings) {
    static const struct {
        int from, to;
        const char *what, *causes, *repair;
    } answers[] = {
#define X(from, to, what, causes, repair) {from, to, what, causes, repair},
        ANSWERS(X)
#undef X
    };
    size_t i = 0;
    while (i + 1 < sizeof answers / sizeof answers[0] &&
           (exam->url.status < answers[i].from || exam->url.status > answers[i].to)) {
        i++;
    }
    struct finding *finding = findings_problem(findings, "%s answers %d: %s", findings_text(findings, exam->url.url),
                                               exam->url.status, answers[i].what);
    finding_causes(finding, "%s", answers[i].causes);
    finding_repair(finding, "%s", answers[i].repair);
}

static void tell_no_answer(const struct exam *exam, struct findings *findings) {
    char text[sizeof exam->url.failure + 4];
    diag_text(&exam->url.failure, text, sizeof text);
    struct finding *finding =
        findings_problem(findings, "the webhook's URL cannot be reached from here: %s", findings_text(findings, text));
    finding_causes(finding, "if LiveKit cannot either, no event arrives");
    finding_repair(finding,
                   "check name, port and firewall; for https:// the certificate must be for this name and of an "
                   "authority that is trusted here (--webhook-ca FILE)");
}

/* The bridge itself saw the request but did not take it. */
static bool tell_seen(const struct exam *exam, struct findings *findings) {
    const struct exam_sighting *seen = &exam->url.seen;
    const char *url = findings_text(findings, exam->url.url);
    if (exam->url.status == 401 && seen->rejected > 0) {
        struct rejection rejection = rejection_of(seen->reason);
        struct finding *finding = findings_problem(findings, "through %s the event came and was refused (%s): %s", url,
                                                   findings_show(findings, slice_of(seen->reason)), rejection.means);
        finding_causes(finding, "every event of LiveKit's is lost: it does not repeat after 401");
        finding_repair(finding, "%s", rejection.repair);
        return true;
    }
    if (exam->url.status == 405 && seen->bad_method > 0) {
        struct finding *finding = findings_problem(findings, "through %s the event came, but not as a POST", url);
        finding_causes(finding, "every event of LiveKit's is lost");
        finding_repair(finding, "the proxy must not change the method (a redirect does: give LiveKit the final URL)");
        return true;
    }
    return false;
}

void judge_webhook_url(const struct exam *exam, struct findings *findings) {
    const struct exam_url *url = &exam->url;
    if (!url->answered) {
        tell_no_answer(exam, findings);
    } else if (url->seen.arrived && url->status / 100 == 2) {
        findings_ok(findings, "through %s events arrive: Authorization and the body are unchanged (key %s)",
                    findings_text(findings, url->url), findings_show(findings, slice_of(url->seen.key)));
    } else if (!url->seen.looked && url->status / 100 == 2) {
        struct finding *finding =
            findings_warning(findings,
                             "%s answers %d, but whether that is the bridge cannot be told: it could not be asked",
                             findings_text(findings, url->url), url->status);
        finding_repair(finding, "run doctor where SIP_ADMIN_LISTEN can be reached");
    } else if (!tell_seen(exam, findings)) {
        tell_answer(exam, findings);
    }
}
