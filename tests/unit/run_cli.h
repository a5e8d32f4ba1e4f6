/* Runs a command line in this process and keeps what it prints. Include after cmocka.h. */
#ifndef TESTS_RUN_CLI_H
#define TESTS_RUN_CLI_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "cli/cli.h"

struct ran {
    int code;
    struct buf out, err;
};

static inline void ran_release(struct ran *ran) {
    buf_release(&ran->out);
    buf_release(&ran->err);
}
#define cleanup_ran __attribute__((cleanup(ran_release)))

/* Sends FD to a nameless file until run_cli_restore; returns the old one. */
static inline int run_cli_divert(int fd, FILE *file) {
    int old = dup(fd);
    assert_true(old >= 0 && file != NULL && dup2(fileno(file), fd) == fd);
    return old;
}

static inline void run_cli_restore(int fd, int old, FILE *file, struct buf *ret_text) {
    assert_int_equal(dup2(old, fd), fd);
    close(old);
    rewind(file);
    assert_true(file_read_fd(fileno(file), "output", 1 << 24, ret_text, NULL));
    fclose(file);
}

/* ARGV ends with NULL and begins with the command's name; it may be permuted. */
static inline struct ran run_cli(const struct cli_command *const *commands, char *const *environment, char **argv) {
    struct ran ran = {0};
    char *all[32] = {(char *)"sipbridge"};
    int argc = 1;
    for (; argv[argc - 1] != NULL; argc++) {
        assert_true(argc < 31);
        all[argc] = argv[argc - 1];
    }
    FILE *out = tmpfile(), *err = tmpfile();
    fflush(stdout);
    fflush(stderr);
    int old_out = run_cli_divert(STDOUT_FILENO, out), old_err = run_cli_divert(STDERR_FILENO, err);
    ran.code = cli_main(commands, argc, all, environment);
    fflush(stdout);
    fflush(stderr);
    run_cli_restore(STDOUT_FILENO, old_out, out, &ran.out);
    run_cli_restore(STDERR_FILENO, old_err, err, &ran.err);
    return ran;
}

#endif
