/* While the terminal shows nothing, signals wait: whoever presses Ctrl-C gets the echo back before the end. */
#include "cli/secret.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/text.h"

enum { INPUT_MAX = 64 << 10 };

/* Waits until there is something to read, or a signal to end by. */
static void wait_line(const sigset_t *signals) {
    cleanup_fd int signal_fd = signalfd(-1, signals, SFD_CLOEXEC);
    struct pollfd wait[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
    while (poll(wait, ARRAY_LEN(wait), -1) < 0 && errno == EINTR) {
    }
}

/* The next line; at its end, at the end of the input, or at a signal, whichever comes first. */
static void read_hidden(struct buf *ret_line) {
    struct termios before, hidden;
    sigset_t signals, old;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGQUIT);
    sigaddset(&signals, SIGTSTP);
    sigprocmask(SIG_BLOCK, &signals, &old);
    bool has_echo = tcgetattr(STDIN_FILENO, &before) == 0;
    if (has_echo) {
        hidden = before;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    wait_line(&signals);
    struct pollfd now = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&now, 1, 0) > 0) { /* a terminal gives a whole line at once */
        ssize_t got = read(STDIN_FILENO, buf_reserve(ret_line, SECRET_MAX + 2), SECRET_MAX + 2);
        ret_line->len += got > 0 ? (size_t)got : 0;
    }
    if (has_echo) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    }
    fputc('\n', stderr);
    sigprocmask(SIG_SETMASK, &old, NULL); /* a signal that waited ends us here */
}

static bool read_input(const struct cli *cli, const char *from, const char *prompt, struct buf *ret_text) {
    struct diag diag;
    if (strcmp(from, "-") == 0 && isatty(STDIN_FILENO) != 0) {
        fflush(stdout);
        fprintf(stderr, "%s: ", prompt);
        read_hidden(ret_text);
        return true;
    }
    return cli_read(from, INPUT_MAX, ret_text, &diag) || (cli_fail(cli, &diag), false);
}

static const char *trouble_of(struct slice secret) {
    if (secret.n == 0) {
        return "there is none: the first line is empty";
    }
    if (secret.n > SECRET_MAX) {
        return "its first line is longer than 1024 bytes";
    }
    return text_is_utf8(secret) && memchr(secret.p, '\0', secret.n) == NULL ? NULL : "it is not valid UTF-8";
}

bool secret_read(const struct cli *cli, const char *from, const char *prompt, struct buf *ret_secret) {
    cleanup_secret struct buf text = {0};
    if (!read_input(cli, from, prompt, &text)) {
        return false;
    }
    struct slice secret = buf_slice(&text);
    const char *end = secret.n > 0 ? memchr(secret.p, '\n', secret.n) : NULL;
    secret.n = end != NULL ? (size_t)(end - secret.p) : secret.n;
    secret.n -= secret.n > 0 && secret.p[secret.n - 1] == '\r';
    const char *trouble = trouble_of(secret);
    if (trouble != NULL) {
        cli_error(cli, "the secret from %s cannot be used: %s", strcmp(from, "-") == 0 ? "standard input" : from,
                  trouble);
        return false;
    }
    buf_add_slice(ret_secret, secret);
    return true;
}

void secret_release(struct buf *secret) {
    if (secret->p != NULL) {
        explicit_bzero(secret->p, secret->cap);
    }
    buf_release(secret);
}
