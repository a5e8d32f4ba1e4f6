/* The keys: each in its own block of guarded memory, with its HMAC state computed once. */
#include "auth/keyring.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/vault.h"

struct key {
    struct hmac_key mac;
    char name[KEYRING_MAX_NAME + 1];
    size_t secret_size;
    unsigned char secret[KEYRING_MAX_SECRET];
};

struct keyring {
    size_t count;
    struct key *keys[KEYRING_MAX_KEYS];
};

struct keyring *keyring_new(void) {
    return xcalloc(1, sizeof(struct keyring));
}

void keyring_free(struct keyring *keys) {
    if (keys == NULL) {
        return;
    }
    for (size_t i = 0; i < keys->count; i++) {
        vault_free(keys->keys[i]);
    }
    free(keys);
}

static bool name_is_good(struct slice name) {
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':') {
            return false;
        }
    }
    return name.n >= 1 && name.n <= KEYRING_MAX_NAME;
}

static size_t index_of(const struct keyring *keys, struct slice name) {
    size_t i = 0;
    while (i < keys->count && !slice_is(name, keys->keys[i]->name)) {
        i++;
    }
    return i;
}

/* keyring_add; SEEN (may be NULL) has a bit for each index that the text being parsed has already given. */
static bool put(struct keyring *keys, struct slice name, struct slice secret, uint32_t *seen, struct diag *diag) {
    /* What is no name is not repeated in the message: it may be a secret in the wrong place. */
    if (!name_is_good(name)) {
        return diag_fail(diag, "", "an API key has 1 to %d printable characters without space or ':'",
                         KEYRING_MAX_NAME);
    }
    if (secret.n < 1 || secret.n > KEYRING_MAX_SECRET) {
        return diag_fail(diag, "", "the secret of API key %.*s has %zu bytes; 1 to %d would be right", SLICE_ARG(name),
                         secret.n, KEYRING_MAX_SECRET);
    }
    size_t index = index_of(keys, name);
    if (index == KEYRING_MAX_KEYS) {
        return diag_fail(diag, "", "more than %d API keys", KEYRING_MAX_KEYS);
    }
    if (seen != NULL && (*seen & 1U << index) != 0) {
        return diag_fail(diag, "", "API key %.*s is given twice", SLICE_ARG(name));
    }
    struct key *key = vault_new(sizeof *key);
    memcpy(key->name, name.p, name.n);
    memcpy(key->secret, secret.p, secret.n);
    key->secret_size = secret.n;
    hmac_key_init(&key->mac, secret);
    vault_free(keys->keys[index]);
    keys->keys[index] = key;
    keys->count += index == keys->count;
    if (seen != NULL) {
        *seen |= 1U << index;
    }
    return true;
}

bool keyring_add(struct keyring *keys, struct slice name, struct slice secret, struct diag *diag) {
    return put(keys, name, secret, NULL, diag);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* What follows a value may only be white space and a comment. */
static bool is_rest(struct slice text) {
    struct slice rest = slice_trim(text);
    return rest.n == 0 || (rest.p[0] == '#' && is_blank(text.p[0]));
}

/* A quoted scalar at the start of TEXT, unquoted into RET; returns what follows it, p == NULL for a mistake.
 * YAML: '' stands for ' in single quotes; of the escapes in double quotes only \\ and \" are known here. */
static struct slice unquote(struct slice text, char ret[KEYRING_MAX_SECRET], size_t *ret_size) {
    char quote = text.p[0];
    size_t size = 0, i = 1;
    for (; i < text.n && size < KEYRING_MAX_SECRET; i++) {
        char next = i + 1 < text.n ? text.p[i + 1] : '\0';
        if (quote == '\'' && text.p[i] == quote && next == quote) {
            i++;
        } else if (text.p[i] == quote) {
            break;
        } else if (quote == '"' && text.p[i] == '\\') {
            if (next != '"' && next != '\\') {
                return (struct slice){0};
            }
            i++;
        }
        ret[size++] = text.p[i];
    }
    if (i >= text.n || text.p[i] != quote) {
        return (struct slice){0};
    }
    *ret_size = size;
    return slice_after(text, i + 1);
}

/* An unquoted value ends where a comment begins: '#' after white space. */
static struct slice plain_value(struct slice text) {
    for (size_t i = 1; i < text.n; i++) {
        if (text.p[i] == '#' && is_blank(text.p[i - 1])) {
            text.n = i;
        }
    }
    return slice_trim(text);
}

static bool parse_line(struct keyring *keys, struct slice line, uint32_t *seen, struct diag *diag) {
    const char *colon = memchr(line.p, ':', line.n);
    if (colon == NULL) {
        return diag_fail(diag, "", "no ':' in it; \"name: secret\" would be right");
    }
    size_t name_size = (size_t)(colon - line.p);
    struct slice name = slice_trim((struct slice){line.p, name_size});
    struct slice value = slice_trim((struct slice){colon + 1, line.n - name_size - 1});
    if (name.n >= 2 && (name.p[0] == '"' || name.p[0] == '\'') && name.p[name.n - 1] == name.p[0]) {
        name = (struct slice){name.p + 1, name.n - 2};
    }
    if (value.n == 0 || (value.p[0] != '"' && value.p[0] != '\'')) {
        return put(keys, name, plain_value(value), seen, diag);
    }
    char secret[KEYRING_MAX_SECRET];
    size_t size = 0;
    struct slice rest = unquote(value, secret, &size);
    bool ok = rest.p != NULL && is_rest(rest);
    ok = ok ? put(keys, name, (struct slice){secret, size}, seen, diag)
            : diag_fail(diag, "",
                        "the quotes of the secret are not as YAML has them; 'secret' would be right (at most %d bytes)",
                        KEYRING_MAX_SECRET);
    hmac_wipe(secret, sizeof secret);
    return ok;
}

bool keyring_parse(struct keyring *keys, struct slice text, struct diag *diag) {
    uint32_t seen = 0;
    _Static_assert(KEYRING_MAX_KEYS <= 32, "one bit of `seen` a key");
    for (unsigned number = 1; text.n > 0; number++) {
        struct slice line = slice_trim(slice_line(&text));
        if (line.n > 0 && line.p[0] != '#' && !parse_line(keys, line, &seen, diag)) {
            char where[32];
            snprintf(where, sizeof where, "line %u", number);
            if (diag != NULL) {
                diag_within(diag, where);
            }
            return false;
        }
    }
    return true;
}

void keyring_replace(struct keyring *keys, struct keyring *fresh) {
    struct keyring old = *keys;
    *keys = *fresh;
    *fresh = old;
    keyring_free(fresh);
}

size_t keyring_count(const struct keyring *keys) {
    return keys->count;
}

const char *keyring_name(const struct keyring *keys, size_t index) {
    return keys->keys[index]->name;
}

size_t keyring_shortest(const struct keyring *keys) {
    size_t shortest = KEYRING_MAX_SECRET;
    for (size_t i = 0; i < keys->count; i++) {
        shortest = keys->keys[i]->secret_size < shortest ? keys->keys[i]->secret_size : shortest;
    }
    return shortest;
}

void keyring_sign(const struct keyring *keys, size_t index, struct slice text, unsigned char ret_mac[HMAC_SIZE]) {
    hmac_sign(&keys->keys[index]->mac, text, ret_mac);
}

bool keyring_fits(const struct keyring *keys, size_t index, struct slice text, const unsigned char mac[HMAC_SIZE]) {
    unsigned char right[HMAC_SIZE];
    keyring_sign(keys, index, text, right);
    return hmac_equal(right, mac);
}

int keyring_find(const struct keyring *keys, struct slice text, const unsigned char mac[HMAC_SIZE]) {
    for (size_t i = 0; i < keys->count; i++) {
        if (keyring_fits(keys, i, text, mac)) {
            return (int)i;
        }
    }
    return -1;
}

void keyring_hide_in_log(const struct keyring *keys) {
    for (size_t i = 0; i < keys->count; i++) {
        log_hide((struct slice){(const char *)keys->keys[i]->secret, keys->keys[i]->secret_size});
    }
}
