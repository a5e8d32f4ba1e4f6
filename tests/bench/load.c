/* The load generator of run.py:  load PORT CONNECTIONS SIZE FILE COUNT
 *
 * FILE holds whole HTTP requests of SIZE bytes each, every one different and signed beforehand. The first COUNT are sent once,
 * in their order, over CONNECTIONS kept-alive connections to 127.0.0.1, one at a time on each. Prints how many were
 * answered 200 with an empty body, how many otherwise, the nanoseconds that took and those of CPU time used here (a
 * generator that is always busy measures itself), and the nanoseconds from request to answer, p50, p99 and p99.9. A
 * connection that breaks, or 30 s without an answer, is an end with exit code 1. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 256, ANSWER_SIZE = 2048, PATIENCE_MS = 30000 };

struct connection {
    int fd;
    const char *unsent; /* of the request at hand */
    size_t unsent_size, answer_size;
    bool waits; /* for EPOLLOUT */
    long long sent_at;
    char answer[ANSWER_SIZE];
};

static const char *requests;
static size_t request_size, request_count, next_request, done, bad;
static long long *latencies; /* of those that are done */
static int epoll_fd;

static void die(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, errno != 0 ? strerror(errno) : "not as expected");
    exit(1);
}

static long long nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void watch(struct connection *connection, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, operation, connection->fd, &event) != 0) {
        die("epoll_ctl");
    }
}

/* A request seldom does not fit the socket at once; the rest waits for EPOLLOUT. */
static void send_some(struct connection *connection) {
    ssize_t sent = send(connection->fd, connection->unsent, connection->unsent_size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        die("send");
    }
    connection->unsent += sent > 0 ? sent : 0;
    connection->unsent_size -= sent > 0 ? (size_t)sent : 0;
    bool waits = connection->unsent_size > 0;
    if (waits != connection->waits) {
        connection->waits = waits;
        watch(connection, EPOLL_CTL_MOD, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

static void send_next(struct connection *connection) {
    if (next_request == request_count) {
        return;
    }
    connection->unsent = requests + next_request++ * request_size;
    connection->unsent_size = request_size;
    connection->answer_size = 0;
    connection->sent_at = nanoseconds(CLOCK_MONOTONIC);
    send_some(connection);
}

static void take_answer(struct connection *connection) {
    char *answer = connection->answer;
    errno = 0;
    ssize_t size = recv(connection->fd, answer + connection->answer_size, ANSWER_SIZE - 1 - connection->answer_size, 0);
    if (size < 0 && errno == EAGAIN) {
        return;
    }
    if (size <= 0) {
        die("the server closed a connection");
    }
    connection->answer_size += (size_t)size;
    answer[connection->answer_size] = '\0';
    const char *end = strstr(answer, "\r\n\r\n");
    if (end == NULL) {
        return;
    }
    bool empty = end[4] == '\0' && strcasestr(answer, "\r\ncontent-length: 0\r\n") != NULL;
    latencies[done++] = nanoseconds(CLOCK_MONOTONIC) - connection->sent_at;
    bad += strncmp(answer, "HTTP/1.1 200 ", 13) != 0 || !empty;
    send_next(connection);
}

static void connect_to(struct connection *connection, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        fcntl(connection->fd, F_SETFL, O_NONBLOCK) != 0) {
        die("connect");
    }
    watch(connection, EPOLL_CTL_ADD, EPOLLIN);
}

/* COUNT: at most so many. */
static void map_requests(const char *path, size_t count) {
    struct stat stat;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &stat) != 0) {
        die(path);
    }
    request_count = (size_t)stat.st_size / request_size;
    request_count = count < request_count ? count : request_count;
    latencies = calloc(request_count, sizeof *latencies);
    requests = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (requests == MAP_FAILED || latencies == NULL) {
        die("mmap");
    }
}

static void run(void) {
    struct epoll_event events[MOST_CONNECTIONS];
    while (done < request_count) {
        int count = epoll_wait(epoll_fd, events, MOST_CONNECTIONS, PATIENCE_MS);
        if (count <= 0) {
            errno = count == 0 ? ETIMEDOUT : errno;
            die("waiting for answers");
        }
        for (int i = 0; i < count; i++) {
            if ((events[i].events & EPOLLOUT) != 0) {
                send_some(events[i].data.ptr);
            }
            if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
                take_answer(events[i].data.ptr);
            }
        }
    }
}

static int by_size(const void *a, const void *b) {
    long long one = *(const long long *)a, other = *(const long long *)b;
    return (one > other) - (one < other);
}

/* Nearest rank; the latencies are sorted. */
static long long percentile(size_t thousandths) {
    size_t rank = (done * thousandths + 999) / 1000;
    return latencies[rank > 0 ? rank - 1 : 0];
}

int main(int argc, char **argv) {
    static struct connection connections[MOST_CONNECTIONS];
    int port = argc == 6 ? atoi(argv[1]) : 0, count = argc == 6 ? atoi(argv[2]) : 0;
    request_size = argc == 6 ? strtoul(argv[3], NULL, 10) : 0;
    if (port < 1 || count < 1 || count > MOST_CONNECTIONS || request_size < 1) {
        fprintf(stderr, "usage: load PORT CONNECTIONS SIZE FILE COUNT\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    map_requests(argv[4], strtoul(argv[5], NULL, 10));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < count; i++) {
        connect_to(&connections[i], port);
    }
    long long start = nanoseconds(CLOCK_MONOTONIC), cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < count; i++) {
        send_next(&connections[i]);
    }
    run();
    long long took = nanoseconds(CLOCK_MONOTONIC) - start, used = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    qsort(latencies, done, sizeof *latencies, by_size);
    printf("%zu %zu %lld %lld %lld %lld %lld\n", done - bad, bad, took, used, percentile(500), percentile(990),
           percentile(999));
    return 0;
}
