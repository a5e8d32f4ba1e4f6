/* The kinds of limits, as a table. */
#include "base/limit.h"

#include <string.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "base/text.h"

static const struct {
    const char *name;
    int resource;
    bool is_size;
    int64_t least; /* below it nothing could be started */
} kinds[] = {
    {"as", RLIMIT_AS, true, 1 << 20},     {"core", RLIMIT_CORE, true, 0},    {"cpu", RLIMIT_CPU, false, 1},
    {"data", RLIMIT_DATA, true, 1 << 20}, {"fsize", RLIMIT_FSIZE, true, 0},  {"memlock", RLIMIT_MEMLOCK, true, 0},
    {"nofile", RLIMIT_NOFILE, false, 8},  {"nproc", RLIMIT_NPROC, false, 1}, {"stack", RLIMIT_STACK, true, 1 << 16},
};

_Static_assert(ARRAY_LEN(kinds) == LIMIT_KINDS, "a limit of each kind");

bool limit_parse(const char *text, struct process_limit *ret_limit, struct diag *diag) {
    size_t size = strcspn(text, "=");
    struct slice value = slice_of(text[size] == '=' ? text + size + 1 : "");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strlen(kinds[i].name) != size || memcmp(kinds[i].name, text, size) != 0) {
            continue;
        }
        int64_t number;
        bool good = kinds[i].is_size ? text_size(value, &number) : text_int64(value, &number);
        if (!good || number < kinds[i].least) {
            return diag_fail(diag, NULL, "must be %s=%s, at least %lld", kinds[i].name,
                             kinds[i].is_size ? "SIZE, for example 512MiB" : "NUMBER", (long long)kinds[i].least);
        }
        *ret_limit = (struct process_limit){kinds[i].name, kinds[i].resource, (uint64_t)number};
        return true;
    }
    return diag_fail(diag, NULL,
                     "is no limit: write NAME=VALUE with as, core, cpu, data, fsize, memlock, nofile, nproc or stack");
}
