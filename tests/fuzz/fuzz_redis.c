/* Any bytes as what a Redis server sends, over a real socket to the real connection. The first byte says how many
 * answers are due (and whether the connection is freed inside the first one), the second where what is sent is cut in
 * two. Nothing is answered twice, nothing is larger than the limits, and the end is told once and in words. */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuzz.h"
#include "redis/redis.h"
#include "source/hash_document.h"

enum { MAX_BYTES = 512, MAX_ELEMENTS = 16, MAX_DEPTH = 16, PATIENCE_MS = 10000 };

struct scene {
    struct loop *loop;
    struct redis *redis;
    unsigned due, answered, lost;
    bool connected, free_early;
};

static size_t bytes_of(const struct redis_reply *reply, unsigned depth, size_t *elements) {
    size_t bytes = redis_reply_text(reply).n;
    demand(depth < MAX_DEPTH && redis_reply_count(reply) <= MAX_ELEMENTS);
    *elements += redis_reply_count(reply);
    for (size_t i = 0; i < redis_reply_count(reply); i++) {
        bytes += bytes_of(redis_reply_at(reply, i), depth + 1, elements);
    }
    return bytes;
}

static void check_size(const struct redis_reply *reply) {
    size_t elements = 0;
    demand(bytes_of(reply, 0, &elements) <= MAX_BYTES);
    demand(elements <= MAX_ELEMENTS);
}

/* What goes to disk is a directory of the same agents. */
static void check_hash(const struct redis_reply *fields) {
    static char *command[] = {"run", NULL};
    static const struct directory_defaults defaults = {.command = command};
    cleanup_buf struct buf text = {0};
    struct diag diag = {0};
    struct directory *directory = hash_document_parse(fields, &defaults, &text);
    struct directory *again = directory_parse(buf_slice(&text), &defaults, &diag);
    demand(again != NULL && directory_count(again) == directory_count(directory));
    for (size_t i = 0; i < directory_count(again); i++) {
        const struct agent *one = directory_at(directory, i);
        const struct agent *other = directory_find(again, slice_of(one->name));
        demand(other != NULL && (other->broken == NULL) == (one->broken == NULL));
    }
    directory_release(directory);
    directory_release(again);
}

static void on_answer(void *context, const struct redis_reply *reply) {
    struct scene *scene = context;
    demand(++scene->answered <= scene->due && scene->redis != NULL);
    check_size(reply);
    if (redis_reply_kind(reply) == REPLY_LIST) {
        check_hash(reply);
    }
    if (scene->free_early) {
        redis_free(take_ptr(scene->redis));
    }
}

static void on_message(void *context, const struct redis_reply *payload) {
    demand(((struct scene *)context)->redis != NULL);
    check_size(payload);
}

static void on_connected(void *context) {
    ((struct scene *)context)->connected = true;
}

static void on_lost(void *context, const char *why) {
    struct scene *scene = context;
    demand(++scene->lost == 1 && scene->redis != NULL && why[0] != '\0');
    demand_printable(slice_of(why));
}

/* A listening socket without a name in the file system; its address for those who connect. */
static int listening(struct address *ret_address) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof name;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    demand(bind(fd, (struct sockaddr *)&name, sizeof name.sun_family) == 0 && listen(fd, 1) == 0);
    demand(getsockname(fd, (struct sockaddr *)&name, &size) == 0);
    memcpy(&ret_address->sock, &name, size);
    ret_address->size = size;
    return fd;
}

static void send_commands(struct scene *scene) {
    for (unsigned i = 0; i < scene->due; i++) {
        redis_send(scene->redis, &(struct redis_command){on_answer, scene, 2, {SLICE("GET"), SLICE("key")}});
    }
}

static void play(struct scene *scene, int server, struct slice bytes, unsigned cut) {
    mono_ms end = clock_mono_ms() + PATIENCE_MS;
    while (!scene->connected) {
        loop_turn(scene->loop, PATIENCE_MS);
        demand(clock_mono_ms() < end);
    }
    send_commands(scene);
    size_t first = bytes.n > 0 ? cut % bytes.n : 0;
    demand(send(server, bytes.p, first, MSG_NOSIGNAL) == (ssize_t)first);
    loop_turn(scene->loop, 0);
    (void)!send(server, bytes.p + first, bytes.n - first, MSG_NOSIGNAL);
    shutdown(server, SHUT_WR);
    while (scene->redis != NULL && scene->lost == 0) {
        loop_turn(scene->loop, PATIENCE_MS);
        demand(clock_mono_ms() < end);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct address address;
    static int listener = -1;
    listener = listener < 0 ? listening(&address) : listener;
    struct slice rest = {(const char *)data, size};
    unsigned choice = take_byte(&rest), cut = take_byte(&rest);
    struct scene scene = {.loop = loop_new(), .due = choice % 4, .free_early = choice % 8 > 3};
    const struct redis_options options = {.loop = scene.loop,
                                          .address = &address,
                                          .connect_timeout_ms = PATIENCE_MS,
                                          .reply_timeout_ms = PATIENCE_MS,
                                          .max_bytes = MAX_BYTES,
                                          .max_elements = MAX_ELEMENTS,
                                          .on_connected = on_connected,
                                          .on_message = on_message,
                                          .on_lost = on_lost,
                                          .context = &scene};
    scene.redis = redis_start(&options);
    int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    demand(server >= 0);
    play(&scene, server, rest, cut);
    redis_free(scene.redis);
    close(server);
    loop_free(scene.loop);
    return 0;
}
