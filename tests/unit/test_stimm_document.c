/* Stimm's list of agents: what is taken, what is left out, what refuses all of it, and that no key leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fixture_file.h"
#include "rules/stimm_document.h"

static char *worker[] = {"python", "--agent-id", "{agent_id}", NULL};
static const struct directory_defaults defaults = {.command = worker, .api_credentials = true, .cwd = "/srv/stimm"};

static bool parse(struct slice answer, struct stimm_document *ret_document, struct diag *diag) {
    *diag = (struct diag){0};
    bool good = stimm_document_parse(answer, &defaults, ret_document, diag);
    assert_int_equal(good, diag->what[0] == '\0');
    return good;
}

static struct stimm_document parse_text(const char *answer) {
    struct stimm_document document;
    struct diag diag;
    if (!parse(slice_of(answer), &document, &diag)) {
        fail_msg("%s: %s", diag.where, diag.what);
    }
    return document;
}

static struct stimm_document parse_fixture(const char *name) {
    cleanup_free char *path = xasprintf("stimm/%s", name);
    cleanup_buf struct buf text = fixture_file(path);
    return parse_text(text.p);
}

static void test_good_list(void **state) {
    (void)state;
    cleanup_stimm struct stimm_document document = parse_fixture("good.json");
    const struct directory *directory = document.directory;
    assert_int_equal(document.listed, 4);
    assert_int_equal(directory_count(directory), 3);
    assert_int_equal(directory_warnings(directory), 0);
    assert_string_equal(document.text.p,
                        "{\n\"Accueil é\":{\"id\":\"0b8f2a6e-58d4-4c6e-9a58-000000000004\"},\n"
                        "\"Reception\":{\"id\":\"0b8f2a6e-58d4-4c6e-9a58-000000000002\",\"order\":0},\n"
                        "\"Support\":{\"id\":\"0b8f2a6e-58d4-4c6e-9a58-000000000001\"}\n}\n");
    const struct agent *first = directory_first(directory);
    assert_string_equal(first->name, "Reception");
    assert_string_equal(first->id, "0b8f2a6e-58d4-4c6e-9a58-000000000002");
    assert_string_equal(first->command[2], "{agent_id}");
    assert_string_equal(first->cwd, "/srv/stimm");
    assert_true(first->api_credentials);
    assert_int_equal(directory_find(directory, SLICE("Support"))->order, AGENT_DEFAULT_ORDER);
    assert_null(directory_find(directory, SLICE("Old one")));
}

/* What is written to disk gives the same agents when it is read. */
static void test_text_means_the_same(void **state) {
    (void)state;
    cleanup_stimm struct stimm_document document = parse_fixture("good.json");
    struct diag diag = {0};
    struct directory *again = directory_parse(buf_slice(&document.text), &defaults, &diag);
    assert_non_null(again);
    assert_int_equal(directory_count(again), directory_count(document.directory));
    assert_int_equal(directory_warnings(again), 0);
    for (size_t i = 0; i < directory_count(again); i++) {
        const struct agent *one = directory_at(document.directory, i), *other = directory_at(again, i);
        assert_string_equal(one->name, other->name);
        assert_string_equal(one->id, other->id);
        assert_int_equal(one->order, other->order);
    }
    directory_release(again);
}

/* Stimm's database gives rows in any order. */
static void test_order_of_the_answer_does_not_matter(void **state) {
    (void)state;
    cleanup_stimm struct stimm_document one =
        parse_text("[{\"id\":\"a\",\"name\":\"A\"},{\"id\":\"b\",\"name\":\"B\",\"is_default\":true}]");
    cleanup_stimm struct stimm_document other =
        parse_text("[{\"is_default\":true,\"name\":\"B\",\"id\":\"b\"},{\"name\":\"A\",\"id\":\"a\"}]");
    assert_string_equal(one.text.p, other.text.p);
}

static void test_empty_lists(void **state) {
    (void)state;
    cleanup_stimm struct stimm_document empty = parse_fixture("empty.json");
    assert_int_equal(empty.listed, 0);
    assert_int_equal(directory_count(empty.directory), 0);
    assert_string_equal(empty.text.p, "{\n}\n");
    cleanup_stimm struct stimm_document inactive = parse_fixture("all-inactive.json");
    assert_int_equal(inactive.listed, 1);
    assert_int_equal(directory_count(inactive.directory), 0);
}

static void test_twins(void **state) {
    (void)state;
    cleanup_stimm struct stimm_document document = parse_fixture("twins.json");
    assert_int_equal(directory_count(document.directory), 2);
    assert_string_equal(directory_find(document.directory, SLICE("A"))->id, "d");
    assert_string_equal(directory_find(document.directory, SLICE("B"))->id, "y");
    assert_int_equal(directory_warnings(document.directory), 2);
    assert_string_equal(directory_warning(document.directory, 0),
                        "Stimm has more than one agent \"A\": the one with the id d answers to it");
}

static void test_odd_elements(void **state) {
    (void)state;
    static const char *const wanted[] = {
        "[0] is left out: must be an object, not a number",
        "[1] is left out: must be an object, not a string",
        "[2] is left out: must be an object, not null",
        "[3] is left out: must be an object, not a list",
        "[4] is left out: id: must be a string, and is missing",
        "[5] is left out: name: must be a string, and is missing",
        "[6] is left out: id: must be a string, and is missing",
        "[7] is left out: id: must be a string, not a number",
        "[8] is left out: id: must have 1 to 64 letters",
        "[9] is left out: id: must have 1 to 64 letters",
        "[10] is left out: id: must have 1 to 64 letters",
        "[11] is left out: id: must have 1 to 64 letters",
        "[12] is left out: name: an agent's name has 1 to 128 bytes",
        "[13] is left out: name: an agent's name has 1 to 128 bytes",
        "[14] is left out: name: must be a string, not a list",
        "[15] is left out: name: an agent's name has no control characters",
        "[16] is left out: is_active: must be true or false, not a string",
        "[17] is left out: is_default: must be true or false, not a number",
    };
    cleanup_stimm struct stimm_document document = parse_fixture("odd-elements.json");
    assert_int_equal(document.listed, ARRAY_LEN(wanted) + 1);
    assert_int_equal(directory_count(document.directory), 1);
    assert_string_equal(directory_first(document.directory)->id, "good");
    assert_int_equal(directory_warnings(document.directory), ARRAY_LEN(wanted));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        const char *warning = directory_warning(document.directory, i);
        if (strstr(warning, wanted[i]) == NULL) {
            fail_msg("\"%s\" is not in \"%s\"", wanted[i], warning);
        }
    }
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *name, *what;
    } cases[] = {
        {"page.json", "must be a list of agents, not an object"},
        {"detail.json", "must be a list of agents, not an object"},
        {"none-usable.json", "none of its 2 agents can be used: [0] id: must be a string, not a number"},
        {"hostile-html.json", "is not valid JSON"},
        {"hostile-cut-short.json", "is not valid JSON"},
        {"hostile-duplicate-key.json", "is not valid JSON"},
        {"hostile-utf8.json", "is not valid JSON"},
        {"hostile-nul.json", "is not valid JSON"},
        {"hostile-raw-nul.json", "is not valid JSON"},
        {"hostile-surrogate.json", "is not valid JSON"},
        {"hostile-trailing.json", "is not valid JSON"},
        {"hostile-deep.json", "nested deeper than 32 levels"},
        {"hostile-bom.json", "byte order mark"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup_free char *path = xasprintf("stimm/%s", cases[i].name);
        cleanup_buf struct buf text = fixture_file(path);
        struct stimm_document document = {0};
        struct diag diag;
        if (parse(buf_slice(&text), &document, &diag)) {
            fail_msg("%s is taken", cases[i].name);
        }
        if (strstr(diag.what, cases[i].what) == NULL || strstr(diag.what, "provider-key") != NULL) {
            fail_msg("%s: %s", cases[i].name, diag.what);
        }
        assert_null(document.directory);
    }
}

static void test_limits(void **state) {
    (void)state;
    struct stimm_document document = {0};
    struct diag diag;
    cleanup_buf struct buf text = {0};
    memset(buf_reserve(&text, STIMM_MAX_BYTES + 1), ' ', STIMM_MAX_BYTES + 1);
    text.len = STIMM_MAX_BYTES + 1;
    assert_false(parse(buf_slice(&text), &document, &diag));
    assert_string_equal(diag.what, "8388609 bytes, at most 8388608 are taken");
    buf_clear(&text);
    for (int i = 0; i <= DIRECTORY_MAX_AGENTS; i++) {
        buf_addf(&text, "%s{\"id\":\"%d\",\"name\":\"agent %d\"}", i == 0 ? "[" : ",", i, i);
    }
    buf_addc(&text, ']');
    assert_false(parse(buf_slice(&text), &document, &diag));
    assert_string_equal(diag.what, "10001 agents, at most 10000 are taken");
    text.len = (size_t)(strstr(text.p, ",{\"id\":\"10000\"") - text.p);
    buf_addc(&text, ']');
    assert_true(parse(buf_slice(&text), &document, &diag));
    assert_int_equal(directory_count(document.directory), DIRECTORY_MAX_AGENTS);
    stimm_document_release(&document);
}

/* Of all that Stimm tells of an agent, four things are looked at. */
static void test_no_key_leaves(void **state) {
    (void)state;
    cleanup_stimm struct stimm_document document = parse_fixture("good.json");
    assert_null(strstr(document.text.p, "provider"));
    assert_null(strstr(document.text.p, "config"));
    assert_null(strstr(document.text.p, "system_prompt"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_list),
        cmocka_unit_test(test_text_means_the_same),
        cmocka_unit_test(test_order_of_the_answer_does_not_matter),
        cmocka_unit_test(test_empty_lists),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_odd_elements),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_no_key_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
