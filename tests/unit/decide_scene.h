/* What the tests of decide() share: a directory of agents and a setting that becomes a decide_input. Included after
 * cmocka.h by each of them, once. */
#ifndef TESTS_DECIDE_SCENE_H
#define TESTS_DECIDE_SCENE_H

#include "base/mem.h"
#include "rules/decide.h"

static char *template_command[] = {"run", "{agent}", NULL};
static const struct directory_defaults no_command;
static const struct directory_defaults with_command = {.command = template_command};

/* first (order 1), support, sales (max 2), and bad, which is broken. */
#define AGENTS                                                                        \
    "{\"first\":{\"command\":[\"x\"],\"order\":1},\"support\":{\"command\":[\"x\"]}," \
    "\"sales\":{\"command\":[\"x\"],\"max\":2},\"bad\":{\"command\":[\"x\"],\"max\":-1,\"order\":0}}"

static inline long three_sales(void *context, const struct agent *agent) {
    assert_string_equal(context, "context");
    return strcmp(agent->name, "sales") == 0 ? 2 : 1000;
}

static inline bool sales_rests(void *context, struct slice name) {
    assert_string_equal(context, "context");
    return slice_is(name, "sales");
}

static char context_text[] = "context";

/* What a test decides with; zero what it does not say. */
struct setting {
    const char *rules;  /* NULL: none */
    const char *agents; /* NULL: none; "": a directory of one command */
    const char *fallback, *room;
    bool leg_unknown, sales_full, sales_resting;
    const char *called, *caller, *trunk;
};

/* A setting made ready; release frees it. */
struct scene {
    struct ruleset *rules;
    struct directory *directory;
    struct decide_input input;
};

static inline struct directory *directory_for(const char *agents) {
    if (agents == NULL) {
        return NULL;
    }
    if (agents[0] == '\0') {
        return directory_of_command(&with_command);
    }
    struct directory *directory = directory_parse(slice_of(agents), &no_command, NULL);
    assert_non_null(directory);
    return directory;
}

static inline struct scene scene_of(const struct setting *s) {
    struct scene scene = {.directory = directory_for(s->agents)};
    if (s->rules != NULL) {
        struct diag diag = {0};
        scene.rules = ruleset_parse(slice_of(s->rules), &diag);
        if (scene.rules == NULL) {
            fail_msg("%s: %s", diag.where, diag.what);
        }
    }
    scene.input = (struct decide_input){
        .rules = scene.rules,
        .directory = scene.directory,
        .default_agent = slice_of(s->fallback),
        .room_agent = slice_of(s->room),
        .leg_known = !s->leg_unknown,
        .called = slice_of(s->called),
        .caller = slice_of(s->caller),
        .trunk = slice_of(s->trunk),
        .in_use = s->sales_full ? three_sales : NULL,
        .is_resting = s->sales_resting ? sales_rests : NULL,
        .context = context_text,
    };
    return scene;
}

static inline void scene_release(struct scene *scene) {
    ruleset_release(scene->rules);
    directory_release(scene->directory);
}

static inline void ignore_step(void *context, const struct rule *rule, const char *what) {
    (void)rule;
    ++*(unsigned *)context;
    assert_non_null(what);
    assert_null(strchr(what, '\n'));
    assert_true(what[0] != '\0');
}

static inline bool same_choice(const struct choice *a, const struct choice *b) {
    return a->kind == b->kind && a->reason == b->reason && a->agent == b->agent && a->rule == b->rule &&
           slice_eq(a->name, b->name);
}

#endif
