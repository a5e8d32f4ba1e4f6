/* The connection: a nonblocking socket on the loop, hiredis' reader fed from it (with our own object functions in
 * front, which count what an answer costs), and a queue of who waits for which answer. */
#include "redis/redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

/* A reply type hiredis does not have: what stands for an answer that was thrown away. */
enum { STUB_TOO_BIG = 1000 };
enum { READ_SIZE = 64 << 10, FIRST_OUT = 8 << 10, KEEPALIVE_IDLE_S = 15, KEEPALIVE_TRIES = 3 };

/* Head of the queue is the oldest. */
struct pending {
    struct pending *next;
    redis_answer *on_answer;
    void *context;
    int64_t sent_us;
};

enum state { CONNECTING, CONNECTED, LOST };

struct redis {
    struct redis_options options;
    enum state state;
    int fd;
    int start_error; /* why there was not even a socket; 0: none */
    struct watcher watcher;
    struct timer deadline; /* of the connect, then of the oldest answer that is due */
    struct buf out;
    struct pending *head, **tail;
    redisReader *reader;
    redisReplyObjectFunctions functions; /* ours, in front of hiredis' */
    const redisReplyObjectFunctions *plain;
    size_t reply_bytes, reply_elements; /* of the answer being read */
    bool too_big, too_many;
    bool busy; /* inside one of our callbacks: redis_free only marks */
    bool freed;
};

enum reply_kind redis_reply_kind(const struct redis_reply *reply) {
    switch (((const redisReply *)(const void *)reply)->type) {
    case REDIS_REPLY_INTEGER: return REPLY_NUMBER;
    case REDIS_REPLY_ARRAY: return REPLY_LIST;
    case REDIS_REPLY_NIL: return REPLY_NONE;
    case REDIS_REPLY_ERROR: return REPLY_ERROR;
    case STUB_TOO_BIG: return REPLY_TOO_BIG;
    default: return REPLY_TEXT;
    }
}

struct slice redis_reply_text(const struct redis_reply *reply) {
    const redisReply *raw = (const void *)reply;
    return (struct slice){raw->str, raw->str != NULL ? raw->len : 0};
}

int64_t redis_reply_number(const struct redis_reply *reply) {
    return ((const redisReply *)(const void *)reply)->integer;
}

size_t redis_reply_count(const struct redis_reply *reply) {
    const redisReply *raw = (const void *)reply;
    return raw->type == REDIS_REPLY_ARRAY ? raw->elements : 0;
}

const struct redis_reply *redis_reply_at(const struct redis_reply *reply, size_t place) {
    const redisReply *raw = (const void *)reply;
    return (const void *)raw->element[place];
}

/* Beyond the limit a string is kept as an empty one, so that the rest of the answer can be read and dropped and the
 * connection (and the other document) lives on. */
static void *create_string(const redisReadTask *task, char *bytes, size_t size) {
    struct redis *redis = task->privdata;
    redis->reply_bytes += size;
    redis->too_big = redis->too_big || redis->reply_bytes > redis->options.max_bytes;
    return redis->plain->createString(task, bytes, redis->too_big ? 0 : size);
}

/* hiredis would allocate for whatever count the server claims; NULL ends the connection. */
static void *create_array(const redisReadTask *task, int count) {
    struct redis *redis = task->privdata;
    redis->reply_elements += count > 0 ? (size_t)count : 0;
    if (redis->reply_elements > redis->options.max_elements) {
        redis->too_many = true;
        return NULL;
    }
    return redis->plain->createArray(task, count);
}

static void start_reader(struct redis *redis) {
    redis->reader = redisReaderCreate();
    if (redis->reader == NULL) {
        mem_exhausted(sizeof *redis->reader);
    }
    redis->plain = redis->reader->fn;
    redis->functions = *redis->plain;
    redis->functions.createString = create_string;
    redis->functions.createArray = create_array;
    redis->reader->fn = &redis->functions;
    redis->reader->privdata = redis;
}

static void close_socket(struct redis *redis) {
    watcher_stop(&redis->watcher);
    timer_cancel(&redis->deadline);
    if (redis->fd >= 0) {
        close(redis->fd);
        redis->fd = -1;
    }
    redis->state = LOST;
}

static void destroy(struct redis *redis) {
    close_socket(redis);
    while (redis->head != NULL) {
        struct pending *pending = redis->head;
        redis->head = pending->next;
        free(pending);
    }
    redisReaderFree(redis->reader);
    /* it may hold the password of AUTH */
    if (redis->out.p != NULL) {
        explicit_bzero(redis->out.p, redis->out.cap);
    }
    buf_release(&redis->out);
    free(redis);
}

void redis_free(struct redis *redis) {
    if (redis == NULL) {
        return;
    }
    close_socket(redis);
    redis->freed = true;
    if (!redis->busy) {
        destroy(redis);
    }
}

static void lost(struct redis *redis, const char *why) {
    close_socket(redis);
    redis->options.on_lost(redis->options.context, why);
}

static void on_deadline(struct timer *timer) {
    struct redis *redis = container_of(timer, struct redis, deadline);
    bool connecting = redis->state == CONNECTING;
    char why[96];
    int64_t waited = connecting ? redis->options.connect_timeout_ms : redis->options.reply_timeout_ms;
    snprintf(why, sizeof why, "%s for %lld ms", connecting ? "no connection" : "no answer", (long long)waited);
    redis->busy = true;
    if (redis->start_error != 0) {
        lost(redis, strerror(redis->start_error));
    } else {
        lost(redis, why);
    }
    redis->busy = false;
    if (redis->freed) {
        destroy(redis);
    }
}

static void set_events(struct redis *redis) {
    watcher_change(&redis->watcher, redis->out.len > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void on_connect_done(struct redis *redis) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(redis->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) {
        error = errno;
    }
    if (error != 0) {
        lost(redis, strerror(error));
        return;
    }
    redis->state = CONNECTED;
    timer_cancel(&redis->deadline);
    set_events(redis);
    redis->options.on_connected(redis->options.context);
}

static void write_some(struct redis *redis) {
    ssize_t sent = send(redis->fd, redis->out.p, redis->out.len, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        lost(redis, strerror(errno));
        return;
    }
    if (sent > 0) {
        explicit_bzero(redis->out.p, (size_t)sent);
        buf_consume(&redis->out, (size_t)sent);
    }
    set_events(redis);
}

static bool is_message(const redisReply *reply) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || reply->element[0]->type != REDIS_REPLY_STRING) {
        return false;
    }
    return strcmp(reply->element[0]->str, "message") == 0;
}

static void take_reply(struct redis *redis, redisReply *reply) {
    if (is_message(reply)) {
        if (redis->options.on_message != NULL) {
            redis->options.on_message(redis->options.context, (const void *)reply->element[2]);
        }
        return;
    }
    struct pending *pending = redis->head;
    if (pending == NULL) {
        /* a server that refuses says why before it is asked: protected mode, too many clients */
        cleanup_buf struct buf why = {0};
        text_escape(&why, (struct slice){reply->str, reply->str != NULL ? reply->len : 0}, 160);
        lost(redis, why.len > 0 ? why.p : "it sent what nobody asked for");
        return;
    }
    redis->head = pending->next;
    if (redis->head == NULL) {
        redis->tail = &redis->head;
        timer_cancel(&redis->deadline);
    }
    if (redis->options.latency != NULL) {
        histogram_add(redis->options.latency, clock_mono_us() - pending->sent_us);
    }
    const redisReply stub = {.type = STUB_TOO_BIG};
    const redisReply *answer = redis->too_big ? &stub : reply;
    pending->on_answer(pending->context, (const void *)answer);
    free(pending);
}

static void lost_protocol(struct redis *redis) {
    char why[192];
    cleanup_buf struct buf text = {0};
    text_escape(&text, slice_of(redis->reader->errstr), 96);
    if (redis->too_many) {
        snprintf(why, sizeof why, "it sent lists of more than %zu elements", redis->options.max_elements);
    } else {
        snprintf(why, sizeof why, "what it sends is not Redis' protocol (%s)", text.p != NULL ? text.p : "");
    }
    lost(redis, why);
}

static void take_replies(struct redis *redis) {
    while (redis->state == CONNECTED) {
        void *reply = NULL;
        if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK) {
            lost_protocol(redis);
            return;
        }
        if (reply == NULL) {
            return;
        }
        take_reply(redis, reply);
        freeReplyObject(reply);
        redis->reply_bytes = redis->reply_elements = 0;
        redis->too_big = false;
    }
}

/* One string is collected whole before it is one; nothing in it is more than max_bytes and the frame around it. */
static bool is_overfull(const struct redis *redis) {
    return redis->reader->len - redis->reader->pos > redis->options.max_bytes + READ_SIZE;
}

static void read_some(struct redis *redis) {
    char bytes[READ_SIZE];
    ssize_t size = recv(redis->fd, bytes, sizeof bytes, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size <= 0) {
        lost(redis, size < 0 ? strerror(errno) : "the server closed the connection");
        return;
    }
    if (redis->head != NULL) {
        timer_start(&redis->deadline, redis->options.loop, redis->options.reply_timeout_ms);
    }
    if (redisReaderFeed(redis->reader, bytes, (size_t)size) != REDIS_OK) {
        lost_protocol(redis);
        return;
    }
    take_replies(redis);
    if (redis->state == CONNECTED && is_overfull(redis)) {
        lost(redis, "it sent a string larger than any document may be");
    }
}

static void on_ready(struct watcher *watcher, uint32_t events) {
    struct redis *redis = container_of(watcher, struct redis, watcher);
    redis->busy = true;
    if (redis->state == CONNECTING) {
        on_connect_done(redis);
    } else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        read_some(redis);
    }
    if (redis->state == CONNECTED && (events & EPOLLOUT) && redis->out.len > 0) {
        write_some(redis);
    }
    redis->busy = false;
    if (redis->freed) {
        destroy(redis);
    }
}

/* A peer that vanished without a word is noticed by the kernel too, not only by the next answer that is due. */
static void tune(int fd, int family) {
    if (family == AF_UNIX) {
        return;
    }
    int on = 1, idle = KEEPALIVE_IDLE_S, tries = KEEPALIVE_TRIES;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
}

static int open_socket(struct redis *redis) {
    const struct address *address = redis->options.address;
    int family = address->sock.ss_family;
    redis->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (redis->fd < 0) {
        return errno;
    }
    tune(redis->fd, family);
    const void *name = &address->sock;
    if (connect(redis->fd, name, address->size) < 0 && errno != EINPROGRESS && errno != EINTR) {
        return errno;
    }
    watcher_start(&redis->watcher, redis->options.loop, redis->fd, EPOLLOUT);
    return 0;
}

struct redis *redis_start(const struct redis_options *options) {
    struct redis *redis = xcalloc(1, sizeof *redis);
    redis->options = *options;
    redis->fd = -1;
    redis->tail = &redis->head;
    redis->watcher.on_ready = on_ready;
    redis->deadline.on_due = on_deadline;
    start_reader(redis);
    (void)buf_reserve(&redis->out, FIRST_OUT); /* AUTH is not left behind where the buffer grew */
    redis->start_error = open_socket(redis);
    redis->options.address = NULL;
    timer_start(&redis->deadline, options->loop, redis->start_error != 0 ? 0 : options->connect_timeout_ms);
    return redis;
}

void redis_send(struct redis *redis, const struct redis_command *command) {
    const char *texts[REDIS_MAX_WORDS];
    size_t sizes[REDIS_MAX_WORDS];
    if (redis->state != CONNECTED) {
        return;
    }
    for (size_t i = 0; i < command->count; i++) {
        texts[i] = command->words[i].n > 0 ? command->words[i].p : "";
        sizes[i] = command->words[i].n;
    }
    char *bytes = NULL;
    int size = redisFormatCommandArgv(&bytes, (int)command->count, texts, sizes);
    if (size < 0) {
        mem_exhausted(command->count);
    }
    buf_add(&redis->out, bytes, (size_t)size);
    explicit_bzero(bytes, (size_t)size);
    redisFreeCommand(bytes);
    if (redis->head == NULL) {
        timer_start(&redis->deadline, redis->options.loop, redis->options.reply_timeout_ms);
    }
    struct pending *pending = xmalloc(sizeof *pending);
    *pending = (struct pending){
        .on_answer = command->on_answer,
        .context = command->context,
        .sent_us = clock_mono_us(),
    };
    *redis->tail = pending;
    redis->tail = &pending->next;
    set_events(redis);
}
