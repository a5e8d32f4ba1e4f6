/* The answer, element by element, into a sorted list, and that into a directory. */
#include "rules/stimm_document.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "base/mem.h"
#include "rules/document.h"

/* One element; the texts are the JSON tree's. */
struct listed {
    struct slice name, id;
    bool is_default, is_active;
};

struct listing {
    struct listed *agents;
    size_t count;    /* active ones */
    size_t inactive; /* left out, as they should be */
    struct directory *directory;
    char first_mistake[256];
};

static bool read_text(const json_t *element, const char *key, struct slice *ret_text, struct diag *diag) {
    const json_t *value = json_object_get(element, key);
    if (!json_is_string(value)) {
        return diag_fail(diag, key, "must be a string, %s%s", value != NULL ? "not " : "and is missing",
                         value != NULL ? document_kind(value) : "");
    }
    *ret_text = (struct slice){json_string_value(value), json_string_length(value)};
    return true;
}

/* Not there: the flag stays as it is. */
static bool read_flag(const json_t *element, const char *key, bool *ret_flag, struct diag *diag) {
    const json_t *value = json_object_get(element, key);
    if (value == NULL) {
        return true;
    }
    if (!json_is_boolean(value)) {
        return diag_fail(diag, key, "must be true or false, not %s", document_kind(value));
    }
    *ret_flag = json_is_true(value);
    return true;
}

/* It becomes an argument of a command. */
static bool check_id(struct slice id, struct diag *diag) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";
    bool good = id.n > 0 && id.n <= STIMM_MAX_ID && id.p[0] != '-';
    for (size_t i = 0; good && i < id.n; i++) {
        good = memchr(letters, id.p[i], sizeof letters - 1) != NULL;
    }
    return good ||
           diag_fail(diag, "id", "must have 1 to %d letters, digits and -_.: and not begin with -", STIMM_MAX_ID);
}

static bool read_agent(const json_t *element, struct listed *agent, struct diag *diag) {
    *agent = (struct listed){.is_active = true};
    if (!json_is_object(element)) {
        return diag_fail(diag, "", "must be an object, not %s", document_kind(element));
    }
    if (!read_flag(element, "is_active", &agent->is_active, diag)) {
        return false;
    }
    return !agent->is_active ||
           (read_flag(element, "is_default", &agent->is_default, diag) && read_text(element, "id", &agent->id, diag) &&
            check_id(agent->id, diag) && read_text(element, "name", &agent->name, diag) &&
            document_is_name(agent->name, "name", diag));
}

static void leave_out(struct listing *listing, size_t place, const struct diag *diag) {
    char why[sizeof listing->first_mistake - 64], warning[sizeof listing->first_mistake];
    diag_text(diag, why, sizeof why);
    snprintf(warning, sizeof warning, "Stimm's agent [%zu] is left out: %s", place, why);
    directory_warn(listing->directory, warning);
    if (listing->first_mistake[0] == '\0') {
        snprintf(listing->first_mistake, sizeof listing->first_mistake, "[%zu] %s", place, why);
    }
}

static void read_all(struct listing *listing, const json_t *answer) {
    size_t place;
    json_t *element;
    json_array_foreach(answer, place, element) {
        struct diag diag;
        struct listed *agent = &listing->agents[listing->count];
        if (!read_agent(element, agent, &diag)) {
            leave_out(listing, place, &diag);
        } else if (agent->is_active) {
            listing->count++;
        } else {
            listing->inactive++;
        }
    }
}

static int compare_text(struct slice a, struct slice b) {
    size_t common = a.n < b.n ? a.n : b.n;
    int order = common > 0 ? memcmp(a.p, b.p, common) : 0;
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* By name; of one name first the one that stays. */
static int compare_agents(const void *left, const void *right) {
    const struct listed *a = left, *b = right;
    int order = compare_text(a->name, b->name);
    if (order != 0) {
        return order;
    }
    return a->is_default != b->is_default ? (int)b->is_default - (int)a->is_default : compare_text(a->id, b->id);
}

static void warn_of_twin(struct directory *directory, const struct listed *agent) {
    char shown[DOCUMENT_SHOWN], warning[2 * DOCUMENT_SHOWN + 64];
    snprintf(warning, sizeof warning, "Stimm has more than one agent \"%s\": the one with the id %.*s answers to it",
             document_show(agent->name, shown), SLICE_ARG(agent->id));
    directory_warn(directory, warning);
}

static void add_agent(struct stimm_document *document, const struct listed *agent) {
    cleanup_buf struct buf entry = {0};
    buf_adds(&entry, "{\"id\":");
    json_add_string(&entry, agent->id);
    if (agent->is_default) {
        buf_addf(&entry, ",\"order\":%d", STIMM_DEFAULT_ORDER);
    }
    buf_addc(&entry, '}');
    directory_add(document->directory, agent->name, buf_slice(&entry));
    buf_adds(&document->text, document->text.len > 1 ? ",\n" : "\n");
    json_add_string(&document->text, agent->name);
    buf_addc(&document->text, ':');
    buf_add_slice(&document->text, buf_slice(&entry));
}

static void build(struct listing *listing, struct stimm_document *document) {
    qsort(listing->agents, listing->count, sizeof *listing->agents, compare_agents);
    buf_addc(&document->text, '{');
    for (size_t i = 0; i < listing->count; i++) {
        if (i == 0 || !slice_eq(listing->agents[i - 1].name, listing->agents[i].name)) {
            add_agent(document, &listing->agents[i]);
        } else if (i == 1 || !slice_eq(listing->agents[i - 2].name, listing->agents[i].name)) {
            warn_of_twin(document->directory, &listing->agents[i - 1]);
        }
    }
    buf_adds(&document->text, "\n}\n");
    directory_finish(document->directory);
}

/* The parser's own words end with a piece of the answer, which may be a key. */
static json_t *parse_quietly(struct slice answer, struct diag *diag) {
    json_t *list = document_parse(answer, STIMM_MAX_BYTES, diag);
    if (list == NULL && slice_starts(slice_of(diag->what), SLICE("not valid JSON"))) {
        (void)diag_fail(diag, "", "the answer is not valid JSON (what stands there is not shown: it may be a key)");
    }
    return list;
}

static bool check_list(const json_t *list, struct diag *diag) {
    if (!json_is_array(list)) {
        return diag_fail(diag, "", "the answer must be a list of agents, not %s", document_kind(list));
    }
    if (json_array_size(list) > DIRECTORY_MAX_AGENTS) {
        return diag_fail(diag, "", "%zu agents, at most %d are taken", json_array_size(list), DIRECTORY_MAX_AGENTS);
    }
    return true;
}

bool stimm_document_parse(struct slice answer, const struct directory_defaults *defaults,
                          struct stimm_document *ret_document, struct diag *diag) {
    json_auto_t *list = parse_quietly(answer, diag);
    if (list == NULL || !check_list(list, diag)) {
        return false;
    }
    struct stimm_document document = {.directory = directory_start(defaults), .listed = json_array_size(list)};
    cleanup_free struct listed *agents = xcalloc(document.listed + 1, sizeof *agents);
    struct listing listing = {.agents = agents, .directory = document.directory};
    read_all(&listing, list);
    if (listing.first_mistake[0] != '\0' && listing.count + listing.inactive == 0) {
        stimm_document_release(&document);
        return diag_fail(diag, "", "none of its %zu agents can be used: %s", json_array_size(list),
                         listing.first_mistake);
    }
    build(&listing, &document);
    *ret_document = document;
    return true;
}

void stimm_document_release(struct stimm_document *document) {
    directory_release(take_ptr(document->directory));
    buf_release(&document->text);
}
