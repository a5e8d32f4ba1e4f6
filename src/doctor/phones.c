/* LiveKit's trunks, and who answers their numbers. */
#include "doctor/judges.h"
#include "livekit/address.h"
#include "rules/decide.h"

void judge_trunks(const struct exam *exam, struct findings *findings) {
    size_t count = exam->livekit.trunks->answer.count;
    if (count > 0) {
        findings_ok(findings, "LiveKit has %zu inbound trunk%s", count, count == 1 ? "" : "s");
        return;
    }
    struct finding *finding = findings_problem(findings, "LiveKit has no inbound trunk");
    finding_causes(finding, "it drops every call");
    finding_repair(finding, "sipbridge setup +NUMBER --agent NAME");
}

static bool is_open(const struct livekit_trunk *trunk) {
    return livekit_trunk_is_open(trunk) && trunk->allowed_numbers.count == 0;
}

/* A trunk for certain numbers is found by scanners less often, but found. */
static void tell_open(struct findings *findings, const struct livekit_trunk *trunk) {
    bool every = trunk->numbers.count == 0;
    const struct livekit_texts *addresses = &trunk->allowed_addresses;
    bool ignored = addresses->count > 0 && livekit_address_kind(addresses->at[0]) == LIVEKIT_ADDRESS_IGNORED;
    struct finding *finding =
        findings_add(findings, every ? FINDING_PROBLEM : FINDING_WARNING,
                     "the trunk %s takes calls to %s from everywhere, without a password%s%s",
                     judge_label(findings, trunk->name, trunk->id), every ? "every number" : "its numbers",
                     ignored ? ": LiveKit ignores its allowed address " : "",
                     ignored ? findings_word(findings, addresses->at[0]) : "");
    finding_causes(finding, "%s, and each call starts an agent that costs money",
                   every ? "anyone on the Internet can call" : "whoever reaches LiveKit's SIP port can call them");
    finding_repair(finding,
                   "sipbridge trunks update %s --allowed-address YOUR-PROVIDERS-ADDRESS\n(or %s--auth-user NAME "
                   "--password-file FILE)",
                   findings_word(findings, trunk->id), every ? "--number +NUMBER, or " : "");
}

void judge_open_trunk(const struct exam *exam, struct findings *findings) {
    const struct livekit_answer *answer = &exam->livekit.trunks->answer;
    bool good = true;
    for (size_t i = 0; i < answer->count; i++) {
        if (is_open(&answer->trunks[i])) {
            tell_open(findings, &answer->trunks[i]);
            good = false;
        }
    }
    if (good) {
        findings_ok(findings, "every trunk asks for an address, a password or a caller");
    }
}

struct number {
    const struct livekit_trunk *trunk;
    struct slice called;
};

/* Anyone who does not hide their number: rules for single callers must not decide. */
static struct choice choose(const struct exam *exam, const struct number *number) {
    const char *fallback = exam->settings.values->default_agent;
    const struct decide_input input = {
        .rules = exam->documents->rules.rules,
        .directory = exam->documents->agents.directory,
        .default_agent = slice_of(fallback),
        .leg_known = true,
        .called = number->called,
        .trunk = number->trunk->id,
    };
    return decide(&input);
}

static const char *name_of(const struct livekit_trunk *trunk, struct findings *findings) {
    return findings_show(findings, trunk->name.n > 0 ? trunk->name : trunk->id);
}

static bool judge_number(const struct exam *exam, struct findings *findings, const struct number *number) {
    struct choice choice = choose(exam, number);
    const char *called = findings_show(findings, number->called), *trunk = name_of(number->trunk, findings);
    bool has_rules = exam->documents->rules.rules != NULL && ruleset_count(exam->documents->rules.rules) > 0;
    if (choice.kind == CHOICE_NOBODY) {
        struct finding *finding =
            findings_problem(findings, "nobody would answer calls to %s (trunk %s): no rule matches, no other agent",
                             called, trunk);
        finding_causes(finding, "calls to it are hung up");
        finding_repair(finding, "sipbridge rules add %s NAME, or DEFAULT_SIP_AGENT=NAME for all such calls",
                       findings_word(findings, number->called));
        return false;
    }
    if (choice.kind == CHOICE_REJECT) {
        struct finding *finding =
            findings_warning(findings, "a rule rejects every call to %s (trunk %s)", called, trunk);
        finding_causes(finding, "callers hear that they are rejected");
        finding_repair(finding, "if that is not meant: sipbridge rules explain %s",
                       findings_word(findings, number->called));
        return false;
    }
    if (choice.kind == CHOICE_AGENT && choice.reason == CHOICE_BY_FIRST && has_rules) {
        struct finding *finding = findings_warning(
            findings,
            "no rule matches calls to %s (trunk %s) and there is no DEFAULT_SIP_AGENT: the first agent, %s, answers",
            called, trunk, findings_show(findings, choice.name));
        finding_causes(finding, "it may not be the one that was meant, and another first agent changes it");
        finding_repair(finding, "sipbridge rules add %s NAME, or DEFAULT_SIP_AGENT=NAME for all such calls",
                       findings_word(findings, number->called));
        return false;
    }
    return true;
}

void judge_numbers(const struct exam *exam, struct findings *findings) {
    const struct livekit_answer *answer = &exam->livekit.trunks->answer;
    size_t numbers = 0;
    bool good = true;
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_trunk *trunk = &answer->trunks[i];
        if (judge_leads_elsewhere(exam, trunk)) {
            continue; /* another bridge's, or a worker's: trunk-dispatch tells of it */
        }
        for (size_t j = 0; j < trunk->numbers.count; j++) {
            const struct number number = {trunk, trunk->numbers.at[j]};
            good = judge_number(exam, findings, &number) && good;
            numbers++;
        }
    }
    if (good && numbers == 0) {
        findings_ok(
            findings,
            "no trunk that leads here is for certain numbers; `sipbridge rules explain NUMBER` tells who answers");
    } else if (good) {
        findings_ok(findings, "every number of every trunk that leads here has an agent (%zu)", numbers);
    }
}
