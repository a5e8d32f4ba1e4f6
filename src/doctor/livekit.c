/* LiveKit's API: there, accepts the key, grants what is needed, keeps our time. */

#include <math.h>

#include "doctor/judges.h"

/* The first answer that was asked for and is none, to name what is wrong. */
static const struct livekit_result *first_failure(const struct exam_livekit *livekit) {
    const struct livekit_result *all[] = {livekit->rooms, livekit->trunks, livekit->rules};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] != NULL && all[i]->outcome != LIVEKIT_OK) {
            return all[i];
        }
    }
    return NULL;
}

static void tell_no_client(const struct diag *failure, struct findings *findings) {
    char text[sizeof *failure + 4];
    diag_text(failure, text, sizeof text);
    struct finding *finding = findings_problem(findings, "LiveKit's API cannot be asked: %s", text);
    finding_causes(finding, "no call is hung up, and lost webhooks do not heal");
    finding_repair(finding, "LIVEKIT_URL=ws://HOST:7880, or LIVEKIT_API_URL=http://HOST:7880 if its API is elsewhere");
}

void judge_livekit(const struct exam *exam, struct findings *findings) {
    const struct exam_livekit *livekit = &exam->livekit;
    const struct livekit_result *failure = first_failure(livekit);
    if (livekit->failure.what[0] != '\0') {
        tell_no_client(&livekit->failure, findings);
        return;
    }
    const char *url = findings_text(findings, livekit->url);
    if (exam_livekit_answers(exam) || failure == NULL) {
        findings_ok(findings, "LiveKit's API answers at %s", url);
        return;
    }
    bool odd = failure->outcome == LIVEKIT_ODD;
    struct finding *finding =
        findings_problem(findings, "LiveKit at %s: %s", url, findings_text(findings, failure->why));
    finding_causes(finding, "agents cannot join a call, no call is hung up");
    finding_repair(finding,
                   odd ? "LIVEKIT_URL (or LIVEKIT_API_URL) must be LiveKit's own address, without a path"
                       : "start livekit-server, or mend LIVEKIT_URL (LIVEKIT_API_URL, SIP_LIVEKIT_CA); try: curl %s",
                   findings_word(findings, slice_of(livekit->url)));
}

void judge_api_key(const struct exam *exam, struct findings *findings) {
    const char *key = findings_show(findings, slice_of(exam->settings.key));
    if (exam_key_accepted(exam)) {
        findings_ok(findings, "LiveKit accepts the API key %s", key);
        return;
    }
    bool clock = exam->livekit.contact != NULL && contact_clock_is_off(exam->livekit.contact);
    struct finding *finding = findings_problem(findings, "LiveKit does not accept a token of the API key %s (401)%s",
                                               key, clock ? "; the clocks disagree" : "");
    finding_causes(finding, "agents cannot join, no call is hung up, and LiveKit's webhooks are refused");
    finding_repair(finding, clock
                                ? "set both clocks by NTP: timedatectl set-ntp true"
                                : "LIVEKIT_API_KEY and LIVEKIT_API_SECRET as under `keys:` in LiveKit's configuration");
}

/* What a grant is for, and whether its request was granted. */
struct granted {
    const char *grant, *causes;
    const struct livekit_result *result;
};

static void judge_grant(const struct granted *granted, struct findings *findings) {
    if (granted->result == NULL) {
        (void)findings_add(findings, FINDING_SKIPPED, "not checked, because the checks before it took too long");
        return;
    }
    if (granted->result->outcome == LIVEKIT_OK) {
        findings_ok(findings, "the grant %s is given", granted->grant);
        return;
    }
    bool refused = granted->result->outcome == LIVEKIT_REFUSED;
    const char *why = findings_text(findings, granted->result->why);
    struct finding *finding =
        findings_problem(findings, "%s: %s%s", granted->grant, refused ? "LiveKit refuses it: " : "", why);
    finding_causes(finding, "%s", granted->causes);
    finding_repair(finding, refused ? "use a key that may do all (LiveKit's dashboard), or let the proxy in front of "
                                      "LiveKit pass /twirp/"
                                    : "look into LiveKit's log for this request; LiveKit needs its Redis for it");
}

void judge_grant_room_list(const struct exam *exam, struct findings *findings) {
    judge_grant(&(struct granted){"roomList", "calls whose webhooks were lost are not found", exam->livekit.rooms},
                findings);
}

void judge_grant_room_create(const struct exam *exam, struct findings *findings) {
    judge_grant(&(struct granted){"roomCreate", "no call can be hung up", exam->livekit.created}, findings);
}

void judge_grant_room_admin(const struct exam *exam, struct findings *findings) {
    judge_grant(&(struct granted){"roomAdmin", "called numbers are learnt late, blocked callers are not rejected",
                                  exam->livekit.participants},
                findings);
}

void judge_grant_sip_admin(const struct exam *exam, struct findings *findings) {
    const struct exam_livekit *livekit = &exam->livekit;
    const struct livekit_result *result = exam_is_ok(livekit->trunks) ? livekit->rules : livekit->trunks;
    if (result == NULL || result->outcome == LIVEKIT_OK || result->outcome == LIVEKIT_REFUSED) {
        judge_grant(&(struct granted){"sip.admin", "trunks and dispatch rules cannot be looked after", result},
                    findings);
        return;
    }
    struct finding *finding =
        findings_problem(findings, "LiveKit cannot list its %s: %s",
                         result == livekit->rules ? "dispatch rules" : "trunks", findings_text(findings, result->why));
    finding_causes(finding, "it cannot read what it keeps in Redis: every call is refused with 503");
    finding_repair(finding,
                   "LiveKit's configuration needs `redis:`; if it has that, JSON may be where it keeps protobuf: "
                   "run doctor with LiveKit's Redis as REDIS_URL");
}

void judge_clock(const struct exam *exam, struct findings *findings) {
    const struct contact *contact = exam->livekit.contact;
    if (contact == NULL || !contact->skew_known) {
        (void)findings_add(findings, FINDING_SKIPPED, "not checked, because LiveKit's answers carry no date");
        return;
    }
    if (!contact_clock_is_off(contact)) {
        findings_ok(findings, "LiveKit's clock agrees with ours");
        return;
    }
    struct finding *finding = findings_problem(findings, "LiveKit's clock is %.0f s %s of ours", fabs(contact->skew_s),
                                               contact->skew_s > 0 ? "ahead" : "behind");
    finding_causes(finding, "tokens and webhooks are refused: agents cannot join, calls ring in vain");
    finding_repair(finding, "set both clocks by NTP: timedatectl set-ntp true");
}
