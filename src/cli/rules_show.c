/* One rule as JSON, and what keeps it from being followed. */
#include "cli/rules_show.h"

#include <jansson.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"

enum { SHOWN_MAX = 200, WARNINGS_MAX = 20 };

void rules_print_json(json_t *value) {
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15)); /* 0.1, as it was written */
    putchar('\n');
    json_decref(value);
}

static void set_text(json_t *object, const char *key, const char *text) {
    if (text != NULL) {
        json_object_set_new(object, key, json_string(text));
    }
}

json_t *rules_json_of(const struct rule *rule) {
    json_t *object = json_pack("{s:i, s:I}", "rule", (int)rule->index, "priority", (json_int_t)rule->priority);
    json_t *patterns = json_array();
    for (char **at = rule->called; *at != NULL; at++) {
        json_array_append_new(patterns, json_string(*at));
    }
    json_object_set_new(object, "pattern", patterns);
    set_text(object, "caller", rule->caller);
    set_text(object, "trunk", rule->trunk);
    set_text(object, "agent_name", rule->agent_name);
    if (rule->reject) {
        json_object_set_new(object, "reject", json_true());
    }
    if (rule->skipped) {
        json_object_set_new(object, "skipped", json_true());
    }
    if (rule->metadata != NULL) {
        json_object_set_new(object, "metadata", json_loads(rule->metadata, 0, NULL));
    }
    return object;
}

char *rules_trouble_of(const struct rule *rule, const struct directory *directory) {
    if (rule->agent_name == NULL) {
        return NULL;
    }
    const struct agent *agent = directory_find(directory, slice_of(rule->agent_name));
    if (agent != NULL && agent->broken == NULL) {
        return NULL;
    }
    struct buf text = {0};
    buf_adds(&text, "the agent ");
    text_escape(&text, slice_of(rule->agent_name), SHOWN_MAX);
    buf_adds(&text, agent == NULL ? " is not in the directory" : " is broken: ");
    buf_adds(&text, agent == NULL ? "" : agent->broken);
    return buf_take(&text);
}

size_t rules_warn_of_agents(const struct ruleset *rules, const struct directory *directory) {
    size_t warnings = 0;
    for (size_t i = 0; directory != NULL && i < ruleset_tries(rules); i++) {
        const struct rule *rule = ruleset_at(rules, i);
        cleanup_free char *trouble = rules_trouble_of(rule, directory);
        if (trouble != NULL && warnings++ < WARNINGS_MAX) {
            printf("warning: [%u]: %s: this rule gives way to the next\n", rule->index, trouble);
        }
    }
    return warnings;
}
