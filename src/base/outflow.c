/* Never blocking, whatever standard output is. A socket is asked with MSG_DONTWAIT. A pipe that poll calls writable
 * has a free page, so it takes PIPE_BUF bytes without waiting (pipe(7)): no write is longer. A terminal may stop
 * half way through a write, so it is opened a second time, with an O_NONBLOCK of its own. */
#include "base/outflow.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(OUTFLOW_WRITE_MAX <= PIPE_BUF, "a write must fit a pipe's free page");

static struct {
    size_t head, used;
    uint64_t lost;
    int fd;
    bool is_socket, is_own; /* is_own: fd is ours to close */
} ring = {.fd = STDOUT_FILENO};
/* Apart, for zeros need not be resident until they are written. */
static char ring_bytes[OUTFLOW_SIZE];

static bool is_socket(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* A nonblocking description of the terminal FD; -1 when FD is none. */
static int open_terminal(int fd) {
    if (isatty(fd) == 0) {
        return -1;
    }
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void outflow_init(int fd) {
    if (ring.is_own) {
        close(ring.fd);
    }
    int terminal = open_terminal(fd);
    ring.is_own = terminal >= 0;
    ring.fd = ring.is_own ? terminal : fd;
    ring.is_socket = is_socket(fd);
}

int outflow_fd(void) {
    return ring.fd;
}

uint64_t outflow_lost(void) {
    return ring.lost;
}

size_t outflow_waiting(void) {
    return ring.used;
}

static uint64_t count_lines(struct slice bytes) {
    uint64_t count = 0;
    for (size_t i = 0; i < bytes.n; i++) {
        count += bytes.p[i] == '\n';
    }
    return count;
}

void outflow_put(struct slice lines) {
    if (lines.n > OUTFLOW_SIZE - ring.used) {
        ring.lost += count_lines(lines);
        return;
    }
    size_t tail = (ring.head + ring.used) % OUTFLOW_SIZE;
    size_t straight = OUTFLOW_SIZE - tail < lines.n ? OUTFLOW_SIZE - tail : lines.n;
    memcpy(ring_bytes + tail, lines.p, straight);
    memcpy(ring_bytes, lines.p + straight, lines.n - straight);
    ring.used += lines.n;
}

/* The longest run of the ring that one write may carry. */
static struct slice front(void) {
    size_t straight = OUTFLOW_SIZE - ring.head;
    size_t size = ring.used < straight ? ring.used : straight;
    return (struct slice){ring_bytes + ring.head, size < OUTFLOW_WRITE_MAX ? size : OUTFLOW_WRITE_MAX};
}

static bool must_wait(int error) {
    return error == EAGAIN || error == EINTR || error == ENOBUFS;
}

/* Bytes written: 0 when that would have to wait, -1 when nobody will ever read them. */
static ssize_t write_now(struct slice bytes) {
    ssize_t written;
    if (ring.is_socket) {
        written = send(ring.fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
        struct pollfd ready = {.fd = ring.fd, .events = POLLOUT};
        if (poll(&ready, 1, 0) <= 0) {
            return 0;
        }
        written = write(ring.fd, bytes.p, bytes.n);
    }
    return written < 0 && must_wait(errno) ? 0 : written;
}

void outflow_drain(void) {
    while (ring.used > 0) {
        struct slice bytes = front();
        ssize_t written = write_now(bytes);
        if (written == 0) {
            return;
        }
        if (written < 0) {
            ring.lost += count_lines(bytes);
            written = (ssize_t)bytes.n;
        }
        ring.head = (ring.head + (size_t)written) % OUTFLOW_SIZE;
        ring.used -= (size_t)written;
    }
    ring.head = 0; /* the rest of it need not become resident */
}
