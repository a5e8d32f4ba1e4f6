/* LiveKit's own dispatch rules, and who else would answer; rooms that were left behind. */
#include <stdio.h>
#include <string.h>

#include "doctor/judges.h"

enum { STALE_S = 60, STALE_SHOWN = 3 };

static bool takes_calls_of(const struct livekit_rule *rule, const struct livekit_trunk *trunk) {
    for (size_t i = 0; i < rule->trunk_ids.count; i++) {
        if (slice_eq(rule->trunk_ids.at[i], trunk->id)) {
            return true;
        }
    }
    return rule->trunk_ids.count == 0;
}

static struct slice prefix_of(const struct exam *exam) {
    return slice_of(exam->settings.values->room_prefix);
}

const char *judge_label(struct findings *findings, struct slice name, struct slice id) {
    char text[2 * FINDINGS_SHOWN + 8];
    if (name.n == 0) {
        return findings_show(findings, id);
    }
    snprintf(text, sizeof text, "%s (%s)", findings_show(findings, name), findings_show(findings, id));
    return findings_text(findings, text);
}

static const char *label_of(const struct livekit_rule *rule, struct findings *findings) {
    return judge_label(findings, rule->name, rule->id);
}

void judge_dispatch(const struct exam *exam, struct findings *findings) {
    const struct livekit_answer *answer = &exam->livekit.rules->answer;
    struct slice prefix = prefix_of(exam);
    size_t ours = 0;
    for (size_t i = 0; i < answer->count; i++) {
        ours += livekit_rule_makes(&answer->rules[i], prefix);
    }
    if (ours > 0) {
        findings_ok(findings, "%zu of %zu LiveKit dispatch rule%s make%s rooms for sipbridge", ours, answer->count,
                    answer->count == 1 ? "" : "s", ours == 1 ? "s" : "");
        return;
    }
    struct finding *finding =
        answer->count == 0
            ? findings_problem(findings, "LiveKit has no dispatch rule")
            : findings_problem(findings, "none of LiveKit's %zu dispatch rules makes rooms that begin with %s",
                               answer->count, findings_show(findings, prefix));
    finding_causes(finding,
                   answer->count == 0 ? "it drops every call" : "sipbridge takes none of their rooms for a call");
    finding_repair(finding, "sipbridge setup +NUMBER --agent NAME%s",
                   answer->count == 0 ? "" : ", or SIP_ROOM_PREFIX=PREFIX as in the rule (sipbridge dispatch list)");
}

/* How many dispatch rules take a trunk's calls, and into rooms of ours. */
struct ways {
    size_t any, ours;
};

static struct ways ways_of(const struct exam *exam, const struct livekit_trunk *trunk) {
    const struct livekit_result *rules = exam->livekit.rules;
    struct ways ways = {0, 0};
    for (size_t i = 0; exam_is_ok(rules) && i < rules->answer.count; i++) {
        const struct livekit_rule *rule = &rules->answer.rules[i];
        bool takes = takes_calls_of(rule, trunk);
        ways.any += takes;
        ways.ours += takes && livekit_rule_makes(rule, prefix_of(exam));
    }
    return ways;
}

bool judge_leads_elsewhere(const struct exam *exam, const struct livekit_trunk *trunk) {
    struct ways ways = ways_of(exam, trunk);
    return ways.any > 0 && ways.ours == 0;
}

static bool judge_trunk(const struct exam *exam, struct findings *findings, const struct livekit_trunk *trunk) {
    struct ways ways = ways_of(exam, trunk);
    if (ways.ours > 0) {
        return true;
    }
    const char *label = judge_label(findings, trunk->name, trunk->id);
    struct finding *finding =
        ways.any == 0
            ? findings_problem(findings, "no LiveKit dispatch rule takes calls over the trunk %s", label)
            : findings_warning(findings, "the trunk %s has only dispatch rules whose rooms sipbridge leaves alone",
                               label);
    finding_causes(finding, ways.any == 0 ? "LiveKit drops them" : "no agent of sipbridge's answers them");
    finding_repair(finding, "sipbridge dispatch create --trunk-id %s\nor: sipbridge setup %s --agent NAME",
                   findings_word(findings, trunk->id),
                   trunk->numbers.count > 0 ? findings_word(findings, trunk->numbers.at[0]) : "+NUMBER");
    return false;
}

void judge_trunk_dispatch(const struct exam *exam, struct findings *findings) {
    const struct livekit_answer *trunks = &exam->livekit.trunks->answer;
    bool good = true;
    for (size_t i = 0; i < trunks->count; i++) {
        good = judge_trunk(exam, findings, &trunks->trunks[i]) && good;
    }
    if (good) {
        findings_ok(findings, "every trunk has a dispatch rule that makes rooms for sipbridge");
    }
}

struct wants {
    bool called, caller; /* rules that depend on them */
};

static bool is_any(char *const *patterns) {
    return patterns[0] != NULL && strcmp(patterns[0], "*") == 0;
}

static struct wants wants_of(const struct ruleset *rules) {
    struct wants wants = {false, false};
    for (size_t i = 0; rules != NULL && i < ruleset_tries(rules); i++) {
        const struct rule *rule = ruleset_at(rules, i);
        wants.called = wants.called || (!rule->skipped && !is_any(rule->called));
        wants.caller = wants.caller || (!rule->skipped && rule->caller != NULL && strcmp(rule->caller, "*") != 0);
    }
    return wants;
}

/* Whether a trunk of RULE's does not say by itself which number was called. */
static bool loses_called(const struct livekit_rule *rule, const struct livekit_answer *trunks) {
    for (size_t i = 0; i < trunks->count; i++) {
        if (takes_calls_of(rule, &trunks->trunks[i]) && trunks->trunks[i].numbers.count != 1) {
            return true;
        }
    }
    return false;
}

void judge_hidden_numbers(const struct exam *exam, struct findings *findings) {
    const struct livekit_answer *answer = &exam->livekit.rules->answer;
    struct wants wants = wants_of(exam->documents->rules.rules);
    bool good = true;
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_rule *rule = &answer->rules[i];
        bool called = wants.called && loses_called(rule, &exam->livekit.trunks->answer);
        if (!rule->hide_phone_number || !livekit_rule_makes(rule, prefix_of(exam)) || (!called && !wants.caller)) {
            continue;
        }
        good = false;
        struct finding *finding = findings_problem(
            findings, "the LiveKit dispatch rule %s hides numbers (hide_phone_number), and our rules need the %s",
            label_of(rule, findings), called ? "called one" : "caller's");
        finding_causes(finding, called ? "only rules for every number match its calls: the wrong agent answers"
                                       : "rules for certain callers, block lists too, match none of its calls");
        finding_repair(
            finding,
            "make the rule anew without it: sipbridge dispatch delete %s; sipbridge dispatch create --name NAME%s",
            findings_word(findings, rule->id),
            called ? "\n(or give each number a trunk of its own: then the trunk tells the number)" : "");
    }
    if (good) {
        findings_ok(findings, "no dispatch rule hides a number that our rules need");
    }
}

void judge_dispatch_agents(const struct exam *exam, struct findings *findings) {
    const struct livekit_answer *answer = &exam->livekit.rules->answer;
    bool good = true;
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_rule *rule = &answer->rules[i];
        if (rule->agents.count == 0 || !livekit_rule_makes(rule, prefix_of(exam))) {
            continue;
        }
        good = false;
        struct slice name = rule->agents.at[0];
        struct finding *finding =
            findings_problem(findings,
                             "the LiveKit dispatch rule %s asks %s%s into each of its rooms (room_config.agents)",
                             label_of(rule, findings), name.n > 0 ? "LiveKit's agent " : "any unnamed LiveKit agent",
                             name.n > 0 ? findings_show(findings, name) : "");
        finding_causes(finding, "it answers beside sipbridge's agent: the caller hears two");
        finding_repair(
            finding,
            "make the rule anew without it: sipbridge dispatch delete %s; sipbridge dispatch create --name NAME\n"
            "(or stop that worker)",
            findings_word(findings, rule->id));
    }
    if (good) {
        findings_ok(findings, "no dispatch rule for our rooms asks for agents of LiveKit's own");
    }
}

void judge_unnamed_worker(const struct exam *exam, struct findings *findings) {
    const struct livekit_result *dispatches = exam->livekit.dispatches;
    if (!exam_is_ok(dispatches)) {
        (void)findings_add(findings, FINDING_SKIPPED,
                           "not checked, because LiveKit does not list the dispatches of the room%s%s",
                           dispatches != NULL ? ": " : "",
                           dispatches != NULL ? findings_text(findings, dispatches->why) : "");
        return;
    }
    if (!exam_worker_took_room(&exam->livekit)) {
        findings_ok(findings, "no unnamed LiveKit agent worker took the throw-away room");
        return;
    }
    struct finding *finding =
        findings_problem(findings, "a LiveKit agent worker without a name took the throw-away room");
    finding_causes(finding, "it takes every room, each call's too: the caller hears two agents");
    finding_repair(finding, "give that worker a name (agent_name in its WorkerOptions), or stop it");
}

static bool is_stale(const struct exam *exam, const struct livekit_room *room) {
    return slice_starts(room->name, prefix_of(exam)) && room->num_participants == 0 &&
           exam->now_s - room->creation_time_s > STALE_S;
}

void judge_stale_rooms(const struct exam *exam, struct findings *findings) {
    size_t stale = 0;
    char names[STALE_SHOWN * (FINDINGS_SHOWN + 2) + 8] = "";
    if (!exam_is_ok(exam->livekit.rooms)) {
        (void)findings_add(findings, FINDING_SKIPPED, "not checked, because LiveKit does not list its rooms");
        return;
    }
    const struct livekit_answer *answer = &exam->livekit.rooms->answer;
    for (size_t i = 0; i < answer->count; i++) {
        if (!is_stale(exam, &answer->rooms[i])) {
            continue;
        }
        if (stale++ < STALE_SHOWN) {
            size_t used = strlen(names);
            snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "",
                     findings_show(findings, answer->rooms[i].name));
        }
    }
    if (stale == 0) {
        findings_ok(findings, "no room of ours stands empty");
        return;
    }
    struct finding *finding = findings_warning(findings, "%zu room%s of ours without people: %s%s", stale,
                                               stale == 1 ? "" : "s", names, stale > STALE_SHOWN ? ", …" : "");
    finding_causes(finding, "they stay in LiveKit and Redis; a call in one of them may meet what was left there");
    finding_repair(finding, "sipbridge clear-sip-bridge");
}
