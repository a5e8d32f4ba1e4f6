/* The agents, in the order that tells which is first, and by name. */
#include "rules/directory.h"

#include <assert.h>
#include <jansson.h>

#include "base/mem.h"
#include "rules/agent.h"
#include "rules/document.h"

struct directory {
    unsigned references;
    const struct directory_defaults *defaults; /* until it is finished */
    struct agent **agents;                     /* by order, then name, once finished */
    struct agent **by_name;
    size_t count, room, left_out;
    struct agent *template; /* of a directory_of_command, else NULL */
    struct notes notes;
};

struct directory *directory_start(const struct directory_defaults *defaults) {
    struct directory *directory = xcalloc(1, sizeof *directory);
    directory->references = 1;
    directory->defaults = defaults;
    return directory;
}

static bool may_add(struct directory *directory, struct slice name) {
    struct diag diag;
    char shown[DOCUMENT_SHOWN];
    if (!document_is_name(name, "", &diag)) {
        notes_add(&directory->notes, "the agent \"%s\" is left out: %s", document_show(name, shown), diag.what);
        return false;
    }
    if (directory->count < DIRECTORY_MAX_AGENTS) {
        return true;
    }
    if (directory->left_out++ == 0) {
        notes_add(&directory->notes, "more than %d agents: \"%s\" and all after it are left out", DIRECTORY_MAX_AGENTS,
                  document_show(name, shown));
    }
    return false;
}

static struct agent *add_agent(struct directory *directory, struct slice name) {
    if (directory->count == directory->room) {
        directory->room = directory->room > 0 ? directory->room * 2 : 16;
        directory->agents = xrealloc(directory->agents, directory->room * sizeof *directory->agents);
    }
    struct agent *agent = xmalloc(sizeof *agent);
    agent_init(agent, name, directory->defaults);
    directory->agents[directory->count++] = agent;
    return agent;
}

static void free_agent(struct agent *agent) {
    if (agent != NULL) {
        agent_clear(agent);
        free(agent);
    }
}

void directory_add(struct directory *directory, struct slice name, struct slice entry_json) {
    if (!may_add(directory, name)) {
        return;
    }
    struct agent *agent = add_agent(directory, name);
    struct diag diag;
    json_auto_t *entry = document_parse_entry(entry_json, AGENT_MAX_BYTES, &diag);
    if (entry == NULL) {
        agent_break(agent, &diag);
        return;
    }
    agent_read(agent, entry, &directory->notes);
}

void directory_warn(struct directory *directory, const char *warning) {
    assert(directory->references == 1);
    notes_add(&directory->notes, "%s", warning);
}

static int compare_names(const void *a, const void *b) {
    return strcmp((*(struct agent *const *)a)->name, (*(struct agent *const *)b)->name);
}

static int compare_orders(const void *a, const void *b) {
    long left = (*(struct agent *const *)a)->order, right = (*(struct agent *const *)b)->order;
    return left != right ? (left > right) - (left < right) : compare_names(a, b);
}

/* By name, and where names are equal the later one, whose place is higher, last. */
struct placed {
    struct agent *agent; /* first: compare_names sees it */
    size_t place;
};

static int compare_placed(const void *a, const void *b) {
    const struct placed *left = a, *right = b;
    int order = compare_names(&left->agent, &right->agent);
    return order != 0 ? order : (left->place > right->place) - (left->place < right->place);
}

static void sort_by_name(struct directory *directory) {
    struct placed *placed = xcalloc(directory->count, sizeof *placed);
    for (size_t i = 0; i < directory->count; i++) {
        placed[i] = (struct placed){directory->agents[i], i};
    }
    qsort(placed, directory->count, sizeof *placed, compare_placed);
    size_t kept = 0;
    for (size_t i = 0; i < directory->count; i++) {
        if (i + 1 < directory->count && compare_names(&placed[i].agent, &placed[i + 1].agent) == 0) {
            free_agent(placed[i].agent);
        } else {
            directory->agents[kept++] = placed[i].agent;
        }
    }
    directory->count = kept;
    free(placed);
}

void directory_finish(struct directory *directory) {
    directory->defaults = NULL;
    if (directory->count == 0) {
        return;
    }
    sort_by_name(directory);
    directory->by_name = xcalloc(directory->count, sizeof *directory->by_name);
    memcpy(directory->by_name, directory->agents, directory->count * sizeof *directory->by_name);
    qsort(directory->agents, directory->count, sizeof *directory->agents, compare_orders);
}

static bool read_agents(struct directory *directory, json_t *document, struct diag *diag) {
    if (!json_is_object(document)) {
        return diag_fail(
            diag, "", "the agents are an object like {\"support\":{\"command\":[\"python\",\"-m\",\"bot\"]}}, not %s",
            document_kind(document));
    }
    if (json_object_size(document) > DIRECTORY_MAX_AGENTS) {
        return diag_fail(diag, "", "%zu agents, at most %d are taken", json_object_size(document),
                         DIRECTORY_MAX_AGENTS);
    }
    const char *name;
    json_t *entry;
    json_object_foreach(document, name, entry) {
        if (may_add(directory, slice_of(name))) {
            agent_read(add_agent(directory, slice_of(name)), entry, &directory->notes);
        }
    }
    return true;
}

struct directory *directory_parse(struct slice json, const struct directory_defaults *defaults, struct diag *diag) {
    json_auto_t *document = document_parse(json, DIRECTORY_MAX_BYTES, diag);
    if (document == NULL) {
        return NULL;
    }
    struct directory *directory = directory_start(defaults);
    if (!read_agents(directory, document, diag)) {
        directory_release(directory);
        return NULL;
    }
    directory_finish(directory);
    return directory;
}

struct directory *directory_of_command(const struct directory_defaults *defaults) {
    struct directory *directory = directory_start(defaults);
    directory->template = xmalloc(sizeof *directory->template);
    agent_init(directory->template, SLICE(""), defaults);
    agent_check(directory->template);
    directory_finish(directory);
    return directory;
}

struct directory *directory_hold(struct directory *directory) {
    directory->references++;
    return directory;
}

void directory_release(struct directory *directory) {
    if (directory == NULL || --directory->references > 0) {
        return;
    }
    for (size_t i = 0; i < directory->count; i++) {
        free_agent(directory->agents[i]);
    }
    free_agent(directory->template);
    free(directory->agents);
    free(directory->by_name);
    notes_release(&directory->notes);
    free(directory);
}

size_t directory_count(const struct directory *directory) {
    return directory->count;
}

const struct agent *directory_at(const struct directory *directory, size_t place) {
    assert(place < directory->count);
    return directory->agents[place];
}

static int compare_key(const void *key, const void *element) {
    const struct slice *name = key;
    struct slice other = slice_of((*(struct agent *const *)element)->name);
    size_t common = name->n < other.n ? name->n : other.n;
    int order = common > 0 ? memcmp(name->p, other.p, common) : 0;
    return order != 0 ? order : (name->n > other.n) - (name->n < other.n);
}

const struct agent *directory_find(const struct directory *directory, struct slice name) {
    if (directory->template != NULL) {
        return directory->template;
    }
    if (directory->count == 0) {
        return NULL;
    }
    struct agent *const *found =
        bsearch(&name, directory->by_name, directory->count, sizeof *directory->by_name, compare_key);
    return found != NULL ? *found : NULL;
}

const struct agent *directory_template(const struct directory *directory) {
    return directory->template;
}

const struct agent *directory_first(const struct directory *directory) {
    if (directory->template != NULL) {
        return directory->template->broken == NULL ? directory->template : NULL;
    }
    for (size_t i = 0; i < directory->count; i++) {
        if (directory->agents[i]->broken == NULL) {
            return directory->agents[i];
        }
    }
    return NULL;
}

static void check_agent(struct agent *agent, bool (*check)(const struct agent *agent, struct diag *diag)) {
    struct diag diag = {0};
    if (agent->broken == NULL && !check(agent, &diag)) {
        agent_break(agent, &diag);
    }
}

void directory_check(struct directory *directory, bool (*check)(const struct agent *agent, struct diag *diag)) {
    assert(directory->references == 1);
    for (size_t i = 0; i < directory->count; i++) {
        check_agent(directory->agents[i], check);
    }
    if (directory->template != NULL) {
        check_agent(directory->template, check);
    }
}

size_t directory_warnings(const struct directory *directory) {
    return directory->notes.count;
}

const char *directory_warning(const struct directory *directory, size_t place) {
    return place < directory->notes.count ? directory->notes.text[place] : NULL;
}
