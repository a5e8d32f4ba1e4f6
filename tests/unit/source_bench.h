/* A source of rules and agents with directories of its own; its changes are counted and its warnings kept. Include after
 * cmocka.h. */
#ifndef TESTS_SOURCE_BENCH_H
#define TESTS_SOURCE_BENCH_H

#include "base/log.h"
#include "scratch.h"
#include "source/source.h"

/* A source, with everything a test wants of it. */
struct bench {
    struct loop *loop;
    char *dir, *state_dir;
    char *rules_path, *agents_path;
    struct source_options options;
    struct source *source;
    unsigned changes;
    struct buf warnings;
};

static inline void bench_on_change(void *context) {
    struct bench *bench = context;
    assert_non_null(bench->source); /* never from inside source_start */
    bench->changes++;
}

static inline void bench_on_log(void *context, const struct log_heard *record) {
    buf_addf(&((struct bench *)context)->warnings, "%s\n", record->message);
}

static inline void bench_init(struct bench *bench) {
    *bench = (struct bench){.loop = loop_new(), .dir = scratch_new()};
    bench->state_dir = xasprintf("%s/state", bench->dir);
    bench->rules_path = xasprintf("%s/rules.json", bench->dir);
    bench->agents_path = xasprintf("%s/agents.json", bench->dir);
    assert_int_equal(mkdir(bench->state_dir, 0700), 0);
    bench->options = (struct source_options){.loop = bench->loop,
                                             .state_dir = bench->state_dir,
                                             .on_change = bench_on_change,
                                             .context = bench};
    log_listen(bench_on_log, bench);
}

static inline void bench_start(struct bench *bench) {
    struct diag diag = {0};
    bench->source = source_start(&bench->options, &diag);
    assert_non_null(bench->source);
}

static inline void bench_stop(struct bench *bench) {
    source_free(take_ptr(bench->source));
    bench->changes = 0;
    buf_clear(&bench->warnings);
}

static inline void bench_release(struct bench *bench) {
    log_listen(NULL, NULL);
    source_free(bench->source);
    loop_free(bench->loop);
    scratch_free(bench->dir);
    free(bench->state_dir);
    free(bench->rules_path);
    free(bench->agents_path);
    buf_release(&bench->warnings);
}

static inline void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static inline void put_by_rename(const char *path, const char *text) {
    char *beside = xasprintf("%s.new", path);
    put(beside, text);
    assert_int_equal(rename(beside, path), 0);
    free(beside);
}

static inline bool warned(const struct bench *bench, const char *text) {
    return bench->warnings.len > 0 && strstr(bench->warnings.p, text) != NULL;
}

static inline bool copy_is(const struct bench *bench, const char *name, const char *text) {
    char *path = xasprintf("%s/%s", bench->state_dir, name);
    char bytes[512] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, bytes, sizeof bytes - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    free(path);
    return size >= 0 && strcmp(bytes, text) == 0;
}

#endif
