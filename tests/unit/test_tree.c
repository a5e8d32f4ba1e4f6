/* JSON text to a tree: what is taken and what is refused, by table; the same verdicts and values as jansson's, for thousands
 * of texts made by breaking good ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/tree.h"

static const struct tree_limits usual = {.depth = 16, .values = 1000};

static struct tree *parse(const char *text) {
    struct diag diag = {0};
    struct tree *tree = tree_parse(slice_of(text), &usual, &diag);
    if (tree == NULL) {
        fail_msg("%s: %s", text, diag.what);
    }
    return tree;
}

static void assert_written(const char *text, const char *wanted) {
    cleanup_tree struct tree *tree = parse(text);
    cleanup_buf struct buf out = {0};
    node_write(&out, tree_root(tree));
    assert_string_equal(out.p, wanted);
}

static void test_written_again(void **state) {
    (void)state;
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {" { } ", "{}"},
        {"[\n1 ,\t-2,\r0, -0]", "[1,-2,0,0]"},
        {"{\"a\":{\"b\":[{},[],\"\"]},\"c\":null}", "{\"a\":{\"b\":[{},[],\"\"]},\"c\":null}"},
        {"[true,false,null]", "[true,false,null]"},
        {"1.5", "1.5"},
        {"[1e3,1E-2,2.0]", "[1000,0.01,2]"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\""},
        {"\"\\u00e9\\u20AC\\ud83d\\uDE00\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\"a\\u0000b\"", "\"a\\u0000b\""},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_written(cases[i].text, cases[i].wanted);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"", "is not JSON (line 1, byte 0)"},
        {"{", "is not JSON (line 1, byte 1)"},
        {"{\"a\"}", "is not JSON (line 1, byte 4)"},
        {"{\"a\":1,}", "is not JSON (line 1, byte 7)"},
        {"[1,\n2,]", "is not JSON (line 2, byte 6)"},
        {"[1 2]", "is not JSON (line 1, byte 3)"},
        {"{1:2}", "is not JSON (line 1, byte 1)"},
        {"[1}", "is not JSON (line 1, byte 2)"},
        {"1 1", "is not JSON (line 1, byte 2)"},
        {"nul", "is not JSON (line 1, byte 0)"},
        {"01", "is not JSON (line 1, byte 0)"},
        {"-", "is not JSON (line 1, byte 0)"},
        {"1.", "is not JSON (line 1, byte 0)"},
        {".5", "is not JSON (line 1, byte 0)"},
        {"1e", "is not JSON (line 1, byte 0)"},
        {"+1", "is not JSON (line 1, byte 0)"},
        {"0x1", "is not JSON (line 1, byte 1)"},
        {"\"a", "is not JSON (line 1, byte 2)"},
        {"\"\\", "is not JSON (line 1, byte 2)"},
        {"\"\\x\"", "is not JSON (line 1, byte 3)"},
        {"\"\\u12g4\"", "is not JSON (line 1, byte 3)"},
        {"\"\\ud800\"", "is not JSON (line 1, byte 7)"},
        {"\"\\ud800\\u0041\"", "is not JSON (line 1, byte 7)"},
        {"\"\\udc00\"", "is not JSON (line 1, byte 7)"},
        {"\"\n\"", "is not JSON (line 1, byte 1)"},
        {"\xef\xbb\xbf{}", "is not JSON (line 1, byte 0)"},
        {"\"\xff\"", "is not UTF-8 (line 1, byte 0)"},
        {"9223372036854775808", "holds a number that is too large (line 1, byte 19)"},
        {"1e999", "holds a number that is too large (line 1, byte 5)"},
        {"{\"a\":1,\"\\u0061\":2}", "names a member twice (line 1, byte 18)"},
        {"{\"a\\u0000\":1}", "names a member with U+0000 in it (line 1, byte 10)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct diag diag = {0};
        assert_null(tree_parse(slice_of(cases[i].text), &usual, &diag));
        assert_string_equal(diag.what, cases[i].wanted);
        assert_string_equal(diag.where, "");
        assert_null(tree_parse(slice_of(cases[i].text), &usual, NULL));
    }
}

static void test_limits(void **state) {
    (void)state;
    const struct tree_limits narrow = {.depth = 2, .values = 4, .no_nul = true};
    struct diag diag = {0};
    cleanup_tree struct tree *deep = tree_parse(SLICE("[[1,2,3]]"), &narrow, &diag);
    assert_non_null(deep);
    assert_null(tree_parse(SLICE("[[[]]]"), &narrow, &diag));
    assert_string_equal(diag.what, "is nested more than 2 deep");
    assert_null(tree_parse(SLICE("[1,2,3,4,5]"), &narrow, &diag));
    assert_string_equal(diag.what, "has more than 4 values");
    assert_null(tree_parse(SLICE("[[],[],[]]"), &narrow, &diag));
    assert_string_equal(diag.what, "has more than 4 values");
    assert_null(tree_parse(SLICE("\"\\u0000\""), &narrow, &diag));
    assert_string_equal(diag.what, "holds U+0000 (line 1, byte 8)");
}

static void test_members(void **state) {
    (void)state;
    cleanup_tree struct tree *tree = parse("{\"a\":{\"x\":1},\"b\":[5,6],\"\":\"t\\u0000u\",\"r\":0.5}");
    const struct node *root = tree_root(tree);
    assert_int_equal(node_count(root), 4);
    assert_int_equal(node_member(node_member(root, "a"), "x")->integer, 1);
    assert_int_equal(node_next(node_first(node_member(root, "b")))->integer, 6);
    assert_null(node_next(node_next(node_first(node_member(root, "b")))));
    assert_true(slice_eq(node_text(node_member(root, "")), (struct slice){"t\0u", 3}));
    assert_true(node_is(node_member(root, "r"), NODE_REAL));
    assert_null(node_member(root, "x"));
    assert_null(node_member(node_member(root, "b"), "a"));
    assert_null(node_member(NULL, "a"));
    assert_null(node_first(NULL));
    assert_null(node_next(NULL));
    assert_int_equal(node_text(NULL).n, 0);
    assert_false(node_is(NULL, NODE_NULL));
    node_wipe(node_member(root, ""));
    assert_memory_equal(node_member(root, "")->text.p, "\0\0\0", 3);
    tree_free(NULL);
    assert_null(tree_root(NULL));
}

/* More members than are compared one by one. */
static void test_many_members(void **state) {
    (void)state;
    for (unsigned twin = 0; twin < 40; twin++) {
        cleanup_buf struct buf text = {0};
        for (unsigned i = 0; i < 40; i++) {
            buf_addf(&text, "%s\"m%u\":%u", i == 0 ? "{" : ",", i == 39 ? twin : i, i);
        }
        buf_addc(&text, '}');
        cleanup_tree struct tree *tree = tree_parse(buf_slice(&text), &usual, NULL);
        assert_int_equal(tree == NULL, twin != 39);
    }
}

static bool is_same(const struct node *node, const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        for (const struct node *at = node_first(node); at != NULL; at = node_next(at)) {
            const json_t *member = json_object_get(value, at->name.p);
            if (member == NULL || !is_same(at, member)) {
                return false;
            }
        }
        return node_is(node, NODE_OBJECT) && node_count(node) == json_object_size(value);
    case JSON_ARRAY: {
        size_t place = 0;
        for (const struct node *at = node_first(node); at != NULL; at = node_next(at)) {
            if (place == json_array_size(value) || !is_same(at, json_array_get(value, place++))) {
                return false;
            }
        }
        return node_is(node, NODE_ARRAY) && place == json_array_size(value);
    }
    case JSON_STRING:
        return node_is(node, NODE_TEXT) &&
               slice_eq(node->text, (struct slice){json_string_value(value), json_string_length(value)});
    case JSON_INTEGER: return node_is(node, NODE_INTEGER) && node->integer == json_integer_value(value);
    case JSON_REAL:
        return node_is(node, NODE_REAL) && !(node->real < json_real_value(value)) &&
               !(node->real > json_real_value(value));
    case JSON_TRUE: return node_is(node, NODE_TRUE);
    case JSON_FALSE: return node_is(node, NODE_FALSE);
    case JSON_NULL: return node_is(node, NODE_NULL);
    }
    return false;
}

static void assert_as_jansson(struct slice text) {
    cleanup_tree struct tree *tree = tree_parse(text, &usual, NULL);
    json_t *value = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    if ((tree != NULL) != (value != NULL) || (tree != NULL && !is_same(tree_root(tree), value))) {
        fail_msg("jansson %s: %.*s", value != NULL ? "takes, or reads otherwise" : "refuses", SLICE_ARG(text));
    }
    json_decref(value);
}

/* jansson is the oracle: every good text, and what becomes of it when one or two bytes of it change, go or are doubled. */
static void test_as_jansson(void **state) {
    (void)state;
    static const char *const good[] = {
        "{\"event\":\"room_started\",\"room\":{\"sid\":\"RM_1\",\"n\":[1,-2.5e3,0,true]},\"id\":"
        "\"\\u00e9\\ud83d\\ude00\"}",
        "[{\"a\":null,\"b\":false},{\"a\":\"\\\"\\\\\\/\\n\",\"c\":1e2},[[]],\"\xc3\xa9\xf0\x9f\x98\x80\", "
        "12345678901234567 ]",
        " {\"a\" : {\"a\":\"x\\u0000y\"} , \"b\":-0.0,\"\":[\"\",0,-1]}\n",
    };
    static const char bytes[] = "\"\\{}[],:0123456789-+.eEtfnu ux\x01\x7f\x80\xc3\xff\n\t";
    uint32_t random = 1;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        size_t size = strlen(good[i]);
        assert_as_jansson(slice_of(good[i]));
        for (unsigned round = 0; round < 20000; round++) {
            char text[200];
            size_t n = size;
            memcpy(text, good[i], size);
            for (unsigned change = 0; change <= round % 2; change++) {
                random = random * 1664525 + 1013904223;
                size_t at = (random >> 8) % n;
                if (random >> 28 < 3) {
                    memmove(text + at, text + at + 1, --n - at);
                } else if (random >> 28 < 6) {
                    memmove(text + at + 1, text + at, n++ - at);
                } else {
                    text[at] = bytes[(random >> 20) % (sizeof bytes - 1)];
                }
            }
            assert_as_jansson((struct slice){text, n});
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_again), cmocka_unit_test(test_refused),      cmocka_unit_test(test_limits),
        cmocka_unit_test(test_members),       cmocka_unit_test(test_many_members), cmocka_unit_test(test_as_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
