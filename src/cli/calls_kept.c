/* The calls whose agents' output is kept, the newest first: how an ended call is found. */
#include "cli/calls_kept.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/when.h"
#include "spawner/local/entries.h"
#include "spawner/local/output.h"

enum { SHOWN = 30, STAT_BLOCK = 512 };

struct kept_call {
    char *sid;
    int64_t written_s, bytes;
};

struct kept_calls {
    struct kept_call *at;
    size_t count, cap;
};

static void add(void *context, int directory, const char *name) {
    struct kept_calls *calls = context;
    struct stat st;
    cleanup_free char *sid = output_label(name);
    if (sid == NULL || fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) {
        return;
    }
    if (calls->count == calls->cap) {
        calls->cap = calls->cap > 0 ? 2 * calls->cap : 64;
        calls->at = xrealloc(calls->at, calls->cap * sizeof *calls->at);
    }
    int64_t on_disk = (int64_t)st.st_blocks * STAT_BLOCK; /* less than the size where SIP_LOG_MAX removed something */
    calls->at[calls->count++] =
        (struct kept_call){take_ptr(sid), st.st_mtime, on_disk < st.st_size ? on_disk : st.st_size};
}

static int compare_newest(const void *a, const void *b) {
    const struct kept_call *left = a, *right = b;
    int order = (left->written_s < right->written_s) - (left->written_s > right->written_s);
    return order != 0 ? order : strcmp(left->sid, right->sid);
}

static void print(const struct kept_calls *calls) {
    static const char *const titles[] = {"CALL", "LAST WRITTEN", "BYTES"};
    cleanup_table struct cli_table table;
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    for (size_t i = 0; i < calls->count && i < SHOWN; i++) {
        char when[WHEN_SIZE];
        when_format_s(calls->at[i].written_s, when);
        cli_table_add(&table, calls->at[i].sid);
        cli_table_add(&table, when);
        cli_table_addf(&table, "%lld", (long long)calls->at[i].bytes);
    }
    cli_table_print(&table);
}

void calls_kept_print(const char *directory) {
    struct kept_calls calls = {0};
    entries_each(directory, add, &calls);
    if (calls.count == 0) {
        printf("No agent's output is kept in %s (SIP_STATE_DIR, SIP_LOG_KEEP; run this as the user of the bridge).\n",
               directory);
    } else {
        qsort(calls.at, calls.count, sizeof *calls.at, compare_newest);
        print(&calls);
        if (calls.count > SHOWN) {
            printf("… and %zu older ones, in %s\n", calls.count - SHOWN, directory);
        }
    }
    for (size_t i = 0; i < calls.count; i++) {
        free(calls.at[i].sid);
    }
    free(calls.at);
}
