/* HMAC-SHA256, SHA-256 and base64 against values computed with Python's hmac, hashlib and base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "auth/base64.h"
#include "auth/hmac.h"
#include "base/mem.h"
#include "base/vault.h"

static void hex(const unsigned char bytes[HMAC_SIZE], char ret[2 * HMAC_SIZE + 1]) {
    for (int i = 0; i < HMAC_SIZE; i++) {
        snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* Byte I of the secret of N bytes is (7 I + N) mod 256. */
static const struct {
    size_t secret_size;
    const char *of_fox, *of_nothing;
} macs[] = {
    {1, "df1a2f3cf516fedf2829b0ccba20b0223a454a0289864f4c6eff2de35daf35b2",
     "2f8738164025afdddbc18665c6e8f37de9498db7fd194873c61ee30c22192a9a"},
    {31, "190e7edc4e05785e46770878891980d69cee302345542c99e7bbbe963c23ef07",
     "9b446a755a92f37632f7cd2080f5eaf5f12b503deebc507c3426e0a14857a322"},
    {32, "eb2388211e079bc8c6e5ee3c6dc4790572829200a21eb2a8a31159f5e6da8190",
     "6854c9c573134893aca0de50257ad4f7d5ee6ee31c051d839721c4bc5166c8b3"},
    {33, "6c2f6073a09061e18cfe1a1a4abf92095dc6c84123f9490d7a9c4bf5cd08a1e0",
     "f14671275901ff5c06f0b71827e733e9d8ee0d0c8c6fb15b81b6d1179b5f8f4f"},
    {63, "b9f98189bb35d5f0ac50b5b526ee7baa07487332eb300a1035e10745acd61163",
     "ef295c08c353d35f172cefdfa0781931287967c16e8301435826435d887a5de0"},
    {64, "106b7241b3229baf8c082cde75b70c6d336fe02dab54cc8a13848ab323a4b5ca",
     "16121942c3028158061ee6c75edcb1391089c880f4a1e5c44beb90bfad1a01a0"},
    {65, "45819ece3fd9afb0731df4139ebcdaed489b6fbbc332375248a67c09cf74f880",
     "769f84de19dbbe3fa746fa7b06791c269ffda2f5af1de0d75ea9a7a3fed8fce6"},
    {1024, "b9139a844d24695d33d49ddba1f89198ee17a910366b3615e3db171f4b71f0a2",
     "49abaa2f86654f5c905f3773303d0049fb1c19c9383ef60027ac81595648b92f"},
};

static void test_macs(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(macs); i++) {
        char secret[1024], text[2 * HMAC_SIZE + 1];
        unsigned char mac[HMAC_SIZE];
        for (size_t k = 0; k < macs[i].secret_size; k++) {
            secret[k] = (char)(7 * k + macs[i].secret_size);
        }
        struct hmac_key key;
        hmac_key_init(&key, (struct slice){secret, macs[i].secret_size});
        hmac_sign(&key, SLICE("The quick brown fox"), mac);
        hex(mac, text);
        assert_string_equal(text, macs[i].of_fox);
        hmac_sign(&key, (struct slice){0}, mac); /* the key may be used again */
        hex(mac, text);
        assert_string_equal(text, macs[i].of_nothing);
    }
}

static void test_hash(void **state) {
    (void)state;
    unsigned char digest[HMAC_SIZE];
    char bytes[5 * 256], text[2 * HMAC_SIZE + 1];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i % 256);
    }
    const struct {
        struct slice of;
        const char *wanted;
    } cases[] = {
        {{NULL, 0}, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {SLICE("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {{bytes, sizeof bytes}, "d414b085826eb06778483ba35564dc849e643359f69ed9747878ba6e54985bed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        hmac_hash(cases[i].of, digest);
        hex(digest, text);
        assert_string_equal(text, cases[i].wanted);
    }
}

static void test_equal(void **state) {
    (void)state;
    unsigned char a[HMAC_SIZE] = {0}, b[HMAC_SIZE] = {0};
    assert_true(hmac_equal(a, b));
    for (int i = 0; i < HMAC_SIZE; i++) {
        b[i] = 0x80;
        assert_false(hmac_equal(a, b));
        b[i] = 0;
    }
}

static void test_secret_memory(void **state) {
    (void)state;
    unsigned char *secret = vault_new(1136);
    for (size_t i = 0; i < 1136; i++) {
        assert_int_equal(secret[i], 0);
    }
    memset(secret, 7, 1136);
    hmac_wipe(secret, 1136);
    assert_int_equal(secret[0] | secret[1135], 0);
    vault_free(secret);
    vault_free(NULL);
}

static const char padded_alphabet[] =
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJT"
    "VFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaan"
    "qKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+fr7"
    "/P3+/w==";

static void test_base64_all_bytes(void **state) {
    (void)state;
    char bytes[256];
    unsigned char back[256];
    size_t size;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)i;
    }
    struct buf padded = {0}, url = {0};
    base64_encode(&padded, BASE64_PADDED, (struct slice){bytes, sizeof bytes});
    base64_encode(&url, BASE64_URL, (struct slice){bytes, sizeof bytes});
    assert_string_equal(padded.p, padded_alphabet);
    assert_true(base64_decode(BASE64_PADDED, buf_slice(&padded), back, sizeof back, &size));
    assert_int_equal(size, sizeof bytes);
    assert_memory_equal(back, bytes, sizeof bytes);
    /* the other alphabet and its padding */
    for (size_t i = 0; i < padded.len; i++) {
        padded.p[i] = padded.p[i] == '+' ? '-' : padded.p[i] == '/' ? '_' : padded.p[i];
    }
    padded.p[padded.len - 2] = '\0';
    assert_string_equal(url.p, padded.p);
    memset(back, 0, sizeof back);
    assert_true(base64_decode(BASE64_URL, buf_slice(&url), back, sizeof back, &size));
    assert_memory_equal(back, bytes, sizeof bytes);
    buf_release(&padded);
    buf_release(&url);
}

/* Every text of up to three characters, and of four with two free ones, of a small alphabet: what decodes must be
 * what encoding the result gives back. So each value has one spelling. */
static void test_base64_one_spelling(void **state) {
    (void)state;
    static const char alphabet[] = "AEQgwZ09+/-_= \n.\xc3";
    size_t letters = sizeof alphabet - 1, accepted = 0;
    for (size_t length = 0; length <= 4; length++) {
        size_t combinations = 1;
        for (size_t i = 0; i < length; i++) {
            combinations *= letters;
        }
        for (size_t n = 0; n < combinations; n++) {
            char text[4];
            size_t rest = n, size;
            for (size_t i = 0; i < length; i++, rest /= letters) {
                text[i] = alphabet[rest % letters];
            }
            for (enum base64_kind kind = BASE64_PADDED; kind <= BASE64_URL; kind++) {
                unsigned char bytes[3];
                if (base64_decode(kind, (struct slice){text, length}, bytes, sizeof bytes, &size)) {
                    struct buf again cleanup_buf = {0};
                    base64_encode(&again, kind, (struct slice){(char *)bytes, size});
                    assert_true(slice_eq(buf_slice(&again), (struct slice){text, length}));
                    accepted++;
                }
            }
        }
    }
    assert_in_range(accepted, 20000, 40000);
}

static void test_base64_refused(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum base64_kind kind;
        const char *text;
    } cases[] = {
        {"no padding", BASE64_PADDED, "YQ"},
        {"half of the padding", BASE64_PADDED, "YQ="},
        {"too much padding", BASE64_PADDED, "Y==="},
        {"padding in the middle", BASE64_PADDED, "YQ==YQ=="},
        {"only padding", BASE64_PADDED, "===="},
        {"url characters", BASE64_PADDED, "-_-_"},
        {"bits left over", BASE64_PADDED, "YR=="},
        {"white space", BASE64_PADDED, "YWJj\n"},
        {"padding", BASE64_URL, "YQ=="},
        {"standard characters", BASE64_URL, "+/+/"},
        {"one character", BASE64_URL, "Y"},
        {"bits left over, url", BASE64_URL, "YR"},
        {"more than fits", BASE64_URL, "YWJjZGVm"},
        {"a high byte", BASE64_URL, "\xe9\xe9"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned char bytes[5];
        size_t size = 77;
        if (base64_decode(cases[i].kind, slice_of(cases[i].text), bytes, sizeof bytes, &size) || size != 77) {
            fail_msg("%s: accepted", cases[i].name);
        }
    }
    assert_true(base64_is_url_text(SLICE("")) && base64_is_url_text(SLICE("azAZ09-_")));
    assert_false(base64_is_url_text(SLICE("a+")) || base64_is_url_text(SLICE("/")) || base64_is_url_text(SLICE("a=")) ||
                 base64_is_url_text(SLICE("a b")) || base64_is_url_text(SLICE("\xff")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_macs),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_secret_memory),
        cmocka_unit_test(test_base64_all_bytes),
        cmocka_unit_test(test_base64_one_spelling),
        cmocka_unit_test(test_base64_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
