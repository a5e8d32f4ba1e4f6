/* The time to decide, for part_rules.py:  bench_decide RULES.json COUNT
 *
 * Decides COUNT times each for numbers that an exact rule takes, that a pattern takes, and that no rule takes; prints
 * nanoseconds of CPU time a decision as JSON. The rules are those that part_rules.py writes: agents "agent0" to "agent6". */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/file.h"
#include "rules/decide.h"
#include "rules/directory.h"

enum { AGENTS = 7, NUMBERS = 1024, MOST_BYTES = 32 << 20 };

static unsigned count; /* of decisions a kind */

static double cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "bench_decide: %s\n", what);
    exit(1);
}

static struct directory *make_directory(void) {
    cleanup_buf struct buf text = {0};
    const struct directory_defaults defaults = {0};
    struct diag diag = {0};
    for (int i = 0; i < AGENTS; i++) {
        buf_addf(&text, "%s\"agent%d\":{\"command\":[\"sleep\",\"1\"]}", i > 0 ? "," : "{", i);
    }
    buf_addc(&text, '}');
    struct directory *directory = directory_parse(buf_slice(&text), &defaults, &diag);
    if (directory == NULL) {
        die(diag.what);
    }
    return directory;
}

enum kind { EXACT, PATTERN, NONE };

/* A called number of KIND, the N-th. */
static void make_number(char ret[24], enum kind kind, unsigned n) {
    switch (kind) {
    case EXACT: snprintf(ret, 24, "+1555%07u", n); break;
    case PATTERN: snprintf(ret, 24, "+4%03u99", n); break;
    case NONE: snprintf(ret, 24, "+7%09u", n); break;
    }
}

/* RANGE: of the numbers of KIND. */
static double decide_all(struct decide_input *input, enum kind kind, unsigned range) {
    static char numbers[NUMBERS][24];
    enum choice_reason wanted = kind == NONE ? CHOICE_BY_FIRST : CHOICE_BY_RULE;
    for (unsigned i = 0; i < NUMBERS; i++) {
        make_number(numbers[i], kind, i * 7919U % range);
    }
    double start = cpu_ns();
    for (unsigned i = 0; i < count; i++) {
        input->called = slice_of(numbers[i % NUMBERS]);
        struct choice choice = decide(input);
        if (choice.kind != CHOICE_AGENT || choice.reason != wanted) {
            die("another choice than was wanted");
        }
    }
    return (cpu_ns() - start) / count;
}

int main(int argc, char **argv) {
    cleanup_buf struct buf text = {0};
    struct diag diag = {0};
    count = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    if (count == 0) {
        die("usage: bench_decide RULES.json COUNT");
    }
    if (!file_read(argv[1], MOST_BYTES, &text, &diag)) {
        die(diag.what);
    }
    double start = cpu_ns();
    struct ruleset *rules = ruleset_parse(buf_slice(&text), &diag);
    double parse_us = (cpu_ns() - start) / 1000;
    if (rules == NULL) {
        die(diag.what);
    }
    struct directory *directory = make_directory();
    struct decide_input input = {.rules = rules,
                                 .directory = directory,
                                 .leg_known = true,
                                 .caller = SLICE("+15550001111")};
    unsigned all = (unsigned)ruleset_count(rules), patterns = all / 10 < 100 ? all / 10 : 100;
    printf("{\"rules\":%u,\"parse_us\":%.0f,", all, parse_us);
    printf("\"exact\":%.1f,", decide_all(&input, EXACT, all - patterns));
    printf("\"pattern\":%.1f,", decide_all(&input, PATTERN, patterns));
    printf("\"none\":%.1f}\n", decide_all(&input, NONE, 1000000));
    directory_release(directory);
    ruleset_release(rules);
    return 0;
}
