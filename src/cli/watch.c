/* The screen is a terminal's second one, so that the first is as it was afterwards. */
#include "cli/watch.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/when.h"

enum { EVERY_MS = 1000, DEFAULT_ROWS = 24 };

#define SCREEN_OPEN "\x1b[?1049h\x1b[?25l"  /* the second screen, without a cursor */
#define SCREEN_CLOSE "\x1b[?25h\x1b[?1049l" /* xterm's control sequences, as every terminal knows them */
#define SCREEN_HOME "\x1b[H"
#define LINE_REST "\x1b[K"
#define SCREEN_REST "\x1b[J"

static volatile sig_atomic_t was_stopped;

static void on_signal(int number) {
    was_stopped |= number != SIGWINCH;
}

/* --- on a terminal --- */

static size_t rows(void) {
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
    return known ? size.ws_row : DEFAULT_ROWS;
}

/* What PRINT prints. glibc's stdout is a variable. */
static char *printed(const struct watch *watch, const json_t *status) {
    char *text = NULL;
    size_t size = 0;
    FILE *terminal = stdout, *memory = open_memstream(&text, &size);
    if (memory == NULL) {
        return xstrdup("");
    }
    stdout = memory;
    watch->print(status);
    stdout = terminal;
    fclose(memory);
    return text;
}

static void draw_line(const char *line, size_t size) {
    fwrite(line, 1, size, stdout);
    fputs(LINE_REST "\n", stdout);
}

/* The last row says how to get out. */
static void draw(const char *text) {
    size_t left = rows() - 1;
    fputs(SCREEN_HOME, stdout);
    for (; *text != '\0' && left > 0; left--) {
        size_t size = strcspn(text, "\n");
        draw_line(text, size);
        text += size + (text[size] == '\n');
    }
    printf("%s%s%sq ends this%s", SCREEN_REST, cli_colour(COLOUR_DIM), *text != '\0' ? "there is more than fits; " : "",
           cli_colour(COLOUR_NONE));
    fflush(stdout);
}

static void draw_status(const struct watch *watch) {
    struct diag diag = {0};
    json_t *status = watch->ask(watch->context, &diag);
    if (status == NULL) {
        char why[sizeof diag.where + sizeof diag.what + 2];
        cleanup_buf struct buf clean = {0};
        diag_text(&diag, why, sizeof why);
        text_clean(&clean, slice_of(why), sizeof why);
        draw(clean.len > 0 ? clean.p : "");
        return;
    }
    cleanup_free char *text = printed(watch, status);
    draw(text);
    json_decref(status);
}

/* Waits for the next second, a key, another size of the terminal. False: that is it. */
static bool wait_more(void) {
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char key = 0;
    if (poll(&in, 1, EVERY_MS) > 0 && (in.revents & POLLIN) != 0) {
        return read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 'Q' && !was_stopped;
    }
    return !was_stopped && (in.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

static int watch_terminal(const struct watch *watch) {
    struct termios before, keys;
    bool has_keys = tcgetattr(STDIN_FILENO, &before) == 0;
    if (has_keys) {
        keys = before;
        keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &keys);
    }
    fputs(SCREEN_OPEN, stdout);
    do {
        draw_status(watch);
    } while (wait_more());
    fputs(SCREEN_CLOSE, stdout);
    fflush(stdout);
    if (has_keys) {
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    }
    return CLI_OK;
}

/* --- as lines --- */

static void print_now(void) {
    char text[WHEN_SIZE];
    when_format_s(clock_wall_ms() / 1000, text);
    printf("%s ", text);
}

/* BEFORE it: a blank, or nothing. */
static void print_word(const char *before, const char *text) {
    cleanup_buf struct buf clean = {0};
    text_clean(&clean, slice_of(text), 256);
    printf("%s%s", before, clean.len > 0 ? clean.p : "-");
}

static void print_call(const char *state, const char *sid, const json_t *call) {
    const json_t *ring = json_object_get(call, "ring_ms");
    print_now();
    print_word("", state);
    print_word(" ", sid);
    print_word(" ", json_string_value(json_object_get(call, "agent")));
    print_word(" ", json_string_value(json_object_get(call, "called")));
    if (json_is_integer(ring)) {
        printf(" %" JSON_INTEGER_FORMAT "\n", json_integer_value(ring));
    } else {
        puts(" -");
    }
}

/* {sid: call} of STATUS. */
static json_t *by_sid(const json_t *status) {
    json_t *calls = json_object(), *call;
    size_t i;
    json_array_foreach(json_object_get(status, "calls"), i, call) {
        const char *sid = json_string_value(json_object_get(call, "sid"));
        if (sid != NULL) {
            json_object_set(calls, sid, call);
        }
    }
    return calls;
}

static const char *state_of(const json_t *call) {
    const char *state = json_string_value(json_object_get(call, "state"));
    return state != NULL ? state : "";
}

static void print_changes(json_t *before, json_t *after) {
    const char *sid;
    json_t *call;
    json_object_foreach(after, sid, call) {
        if (strcmp(state_of(call), state_of(json_object_get(before, sid))) != 0) {
            print_call(state_of(call), sid, call);
        }
    }
    json_object_foreach(before, sid, call) {
        if (json_object_get(after, sid) == NULL) {
            print_call("over", sid, call);
        }
    }
}

/* BEFORE: what was said last; freed. What is to be compared with next. */
static json_t *print_health(json_t *before, const json_t *status, const struct diag *diag) {
    const char *message = json_string_value(json_object_get(status, "message"));
    json_t *now = json_string(status == NULL ? diag->what : message != NULL ? message : "");
    if (now != NULL && !json_equal(before, now)) {
        print_now();
        printf("%s", status == NULL ? "unreachable" : "health");
        cleanup_buf struct buf clean = {0};
        text_clean(&clean, slice_of(json_string_value(now)), 512);
        printf(" %s\n", clean.p);
    }
    json_decref(before);
    return now;
}

static int watch_lines(const struct watch *watch) {
    json_t *calls = json_object(), *health = NULL;
    do {
        struct diag diag = {0};
        json_t *status = watch->ask(watch->context, &diag);
        health = print_health(health, status, &diag);
        if (status != NULL) {
            json_t *now = by_sid(status);
            print_changes(calls, now);
            json_decref(calls);
            calls = now;
        }
        json_decref(status);
    } while (fflush(stdout) == 0 && poll(NULL, 0, EVERY_MS) == 0 && !was_stopped);
    json_decref(calls);
    json_decref(health);
    return CLI_OK;
}

int watch_run(const struct watch *watch) {
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGWINCH, &action, NULL);
    was_stopped = 0;
    return isatty(STDOUT_FILENO) != 0 ? watch_terminal(watch) : watch_lines(watch);
}
