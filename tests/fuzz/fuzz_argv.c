/* Any bytes as a command line (the first line) and as what a call puts in its places (one a line after it): what is
 * split can be written down and split again, and no value becomes more than one argument, an option or a program. */
#include "base/argv.h"
#include "base/mem.h"
#include "fuzz.h"
#include "spawner/local/expand.h"

static const char *const names[] = {"room", "agent", "agent_id", "called", "caller", "livekit_url"};
enum { PLACES = ARRAY_LEN(names) };

static size_t count_of(char *const *argv) {
    size_t count = 0;
    while (argv[count] != NULL) {
        demand(strlen(argv[count]) < SIZE_MAX);
        count++;
    }
    return count;
}

/* In '…', but for ' itself. */
static void quote(struct buf *out, const char *argument) {
    buf_addc(out, '\'');
    for (const char *at = argument; *at != '\0'; at++) {
        buf_adds(out, *at == '\'' ? "'\\''" : (char[]){*at, '\0'});
    }
    buf_adds(out, "' ");
}

static void check_written_again(char *const *argv) {
    cleanup_buf struct buf line = {0};
    struct diag diag = {0};
    for (size_t i = 0; argv[i] != NULL; i++) {
        quote(&line, argv[i]);
    }
    char **again = argv_split(buf_slice(&line), &diag);
    if (again != NULL) { /* else the quotes made it too long */
        demand(count_of(again) == count_of(argv));
        for (size_t i = 0; argv[i] != NULL; i++) {
            demand(strcmp(again[i], argv[i]) == 0);
        }
    }
    argv_free(again);
}

/* Whether TEMPLATE begins with a place, so that its first byte may be a stranger's. */
static bool begins_with_place(const char *template) {
    return template[0] == '{' && strchr(template, '}') != NULL;
}

static void check_expanded(char **argv, struct slice values) {
    struct engine_pair places[PLACES];
    for (size_t i = 0; i < PLACES; i++) {
        places[i] = (struct engine_pair){names[i], take_until(&values, '\n')};
    }
    const struct engine_job job = {.command = (const char *const *)argv, .places = places, .place_count = PLACES};
    cleanup_buf struct buf left_out = {0};
    struct strv expanded = {0};
    struct diag diag = {0};
    if (!expand_argv(&expanded, &job, &left_out, &diag)) {
        demand(diag.what[0] != '\0');
    } else {
        demand(expanded.count > 0 && expanded.p[expanded.count] == NULL && expanded.p[0][0] != '\0');
        demand(left_out.len > 0 ? expanded.count < count_of(argv) : expanded.count == count_of(argv));
    }
    for (size_t i = 0; left_out.len == 0 && i < expanded.count; i++) {
        demand(expanded.p[i][0] != '-' || argv[i][0] == '-' || !begins_with_place(argv[i]) || argv[i][0] != '{' ||
               strchr(argv[i], '-') != NULL);
    }
    strv_release(&expanded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice values = {(const char *)data, size};
    struct slice line = take_until(&values, '\n');
    struct diag diag = {0};
    char **argv = argv_split(line, &diag);
    demand((argv != NULL) == (diag.what[0] == '\0'));
    if (argv != NULL) {
        demand(count_of(argv) > 0 && count_of(argv) <= ARGV_MAX && argv[0][0] != '\0');
        check_written_again(argv);
        bool usable = argv_check(argv, &diag);
        demand(usable == (diag.what[0] == '\0'));
        check_expanded(argv, values);
    }
    demand_printable(slice_of(diag.what));
    argv_free(argv);
    return 0;
}
