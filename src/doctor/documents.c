/* The rules, the agents, and what the ones say of the others. */
#include "doctor/judges.h"

static bool is_bad(const struct fetch_document *document, const char *what, struct findings *findings) {
    if (document->diag.what[0] == '\0') {
        return false;
    }
    char text[sizeof document->diag + 4];
    diag_text(&document->diag, text, sizeof text);
    struct finding *finding = findings_problem(findings, "the %s cannot be used: %s", what, text);
    finding_causes(finding, "the last good ones stay in use; on a first start there are none, and calls ring in vain");
    finding_repair(finding, "mend what it says, then: sipbridge %s check", what);
    return true;
}

void judge_rules(const struct exam *exam, struct findings *findings) {
    const struct fetch_document *document = &exam->documents->rules;
    if (is_bad(document, "rules", findings)) {
        return;
    }
    if (document->rules == NULL || ruleset_count(document->rules) == 0) {
        findings_ok(findings, "there are no rules: DEFAULT_SIP_AGENT or the first agent answers every call");
        return;
    }
    for (size_t i = 0; i < ruleset_warnings(document->rules); i++) {
        struct finding *finding = findings_warning(findings, "rule %s", ruleset_warning(document->rules, i));
        finding_repair(finding, "mend the rule, then: sipbridge rules check");
    }
    if (ruleset_warnings(document->rules) == 0) {
        findings_ok(findings, "%zu rule%s from %s, no mistakes", ruleset_count(document->rules),
                    ruleset_count(document->rules) == 1 ? "" : "s", document->kind);
    }
}

static void tell_broken(struct findings *findings, const char *name, const char *why) {
    struct finding *finding = findings_problem(findings, "the agent %s is broken: %s", name, why);
    finding_causes(finding, "calls for it go to the next rule or DEFAULT_SIP_AGENT, or are hung up");
    finding_repair(finding, "mend its entry, or install its program and: sipbridge reload");
}

static size_t tell_agents(struct findings *findings, const struct directory *directory) {
    size_t wrong = 0;
    const struct agent *template = directory_template(directory);
    if (template != NULL && template->broken != NULL) {
        tell_broken(findings, "of SIP_AGENT_COMMAND", template->broken);
        wrong++;
    }
    for (size_t i = 0; i < directory_count(directory); i++) {
        const struct agent *agent = directory_at(directory, i);
        if (agent->broken != NULL) {
            tell_broken(findings, findings_show(findings, slice_of(agent->name)), agent->broken);
            wrong++;
        }
    }
    for (size_t i = 0; i < directory_warnings(directory); i++) {
        struct finding *finding = findings_warning(findings, "agents: %s", directory_warning(directory, i));
        finding_repair(finding, "mend the entry, then: sipbridge agents check");
        wrong++;
    }
    return wrong;
}

void judge_agents(const struct exam *exam, struct findings *findings) {
    const struct fetch_document *document = &exam->documents->agents;
    const struct directory *directory = document->directory;
    if (is_bad(document, "agents", findings)) {
        return;
    }
    bool has_template = directory != NULL && directory_template(directory) != NULL;
    if (directory == NULL || (directory_count(directory) == 0 && !has_template)) {
        struct finding *finding = findings_problem(findings, "there are no agents");
        finding_causes(finding, "every call is hung up");
        finding_repair(finding,
                       "SIP_AGENTS_FILE=FILE, SIP_AGENT_COMMAND=\"python3 bot.py {room}\", or with REDIS_URL:\n"
                       "redis-cli HSET sip_agents NAME '{\"command\":[\"python3\",\"bot.py\"]}'");
        return;
    }
    if (tell_agents(findings, directory) > 0) {
        return;
    }
    if (has_template) {
        findings_ok(findings, "one command for every name (SIP_AGENT_COMMAND), its program is there");
    } else {
        findings_ok(findings, "%zu agent%s from %s, every program is there", directory_count(directory),
                    directory_count(directory) == 1 ? "" : "s", document->kind);
    }
}

static bool tell_missing(const struct rule *rule, const struct directory *directory, struct findings *findings) {
    const struct agent *agent =
        directory != NULL && rule->agent_name != NULL ? directory_find(directory, slice_of(rule->agent_name)) : NULL;
    if (rule->agent_name == NULL || (agent != NULL && agent->broken == NULL)) {
        return false;
    }
    const char *name = findings_show(findings, slice_of(rule->agent_name));
    struct finding *finding = findings_warning(findings, "rule [%u] names the agent %s, which is %s", rule->index, name,
                                               agent == NULL ? "not in the directory" : "broken");
    finding_causes(finding, "the rule gives way to the next that matches, then to DEFAULT_SIP_AGENT");
    finding_repair(finding, "add the agent or change the rule; `sipbridge agents list` shows the names there are");
    return true;
}

static bool tell_default(const char *fallback, const struct directory *directory, struct findings *findings) {
    const struct agent *agent =
        directory != NULL && fallback != NULL ? directory_find(directory, slice_of(fallback)) : NULL;
    if (fallback == NULL || (agent != NULL && agent->broken == NULL)) {
        return false;
    }
    struct finding *finding =
        findings_problem(findings, "DEFAULT_SIP_AGENT is %s, which is %s", findings_show(findings, slice_of(fallback)),
                         agent == NULL ? "not in the directory" : "broken");
    finding_causes(finding, "the first agent that is good answers the calls that no rule matches; without one they are "
                            "hung up");
    finding_repair(finding, "DEFAULT_SIP_AGENT=NAME of an agent in `sipbridge agents list`");
    return true;
}

void judge_rule_agents(const struct exam *exam, struct findings *findings) {
    const struct ruleset *rules = exam->documents->rules.rules;
    const struct directory *directory = exam->documents->agents.directory;
    size_t tries = rules != NULL ? ruleset_tries(rules) : 0;
    bool good = true;
    for (size_t i = 0; i < tries; i++) {
        good = !tell_missing(ruleset_at(rules, i), directory, findings) && good;
    }
    good = !tell_default(exam->settings.values->default_agent, directory, findings) && good;
    if (good) {
        findings_ok(findings, "every agent that is named can be had");
    }
}
