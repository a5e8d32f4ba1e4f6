/* Any bytes as what a Redis server answers, over real sockets to the source of rules and agents: what stands between two
 * NULs is the answer to one command, in the order they come; a 'w' in front of all says that what comes late (a key is
 * read again only after a while) is waited for. Rules stay rules and agents stay agents, and the last
 * good copies can be read again. */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define assert_true(condition) demand(condition)
#define assert_non_null(pointer) demand((pointer) != NULL)
#define assert_int_equal(a, b) demand((a) == (b))

#include "base/log.h"
#include "fuzz.h"

#include "scratch.h"
#include "source/source.h"
#include "source/store.h"

enum { PEERS = 4, TURNS = 100, WAIT_MS = 25 };

/* A connection that was accepted. */
struct peer {
    struct watcher watcher;
    struct server *server;
};

struct server {
    struct loop *loop;
    struct slice script;
    struct watcher watcher;
    struct peer peers[PEERS];
    size_t peer_count;
    unsigned heard; /* commands and connections */
    bool over;      /* the script is, and the server hung up */
};

static struct fixed {
    char *dir, *state_dir, *url;
    int listener;
} fixed;

static void remove_dir(void) {
    scratch_free(fixed.dir);
}

static void start_fixed(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_init(&(struct log_options){.fd = null, .level = LOG_DEBUG});
    fixed.dir = scratch_new();
    atexit(remove_dir);
    fixed.state_dir = xasprintf("%s/state", fixed.dir);
    fixed.url = xasprintf("unix://%s/redis.sock", fixed.dir);
    demand(mkdir(fixed.state_dir, 0700) == 0);
    snprintf(name.sun_path, sizeof name.sun_path, "%s/redis.sock", fixed.dir);
    fixed.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    demand(bind(fixed.listener, (struct sockaddr *)&name, sizeof name) == 0 && listen(fixed.listener, PEERS) == 0);
}

static void hang_up(struct peer *peer) {
    if (peer->watcher.loop != NULL) {
        watcher_stop(&peer->watcher);
        close(peer->watcher.fd);
    }
}

/* One answer for each command that came: those are told apart by the '*' they begin with. */
static void on_command(struct watcher *watcher, uint32_t events) {
    (void)events;
    struct peer *peer = container_of(watcher, struct peer, watcher);
    struct slice *script = &peer->server->script;
    char bytes[4096];
    ssize_t size = recv(watcher->fd, bytes, sizeof bytes, 0);
    peer->server->heard++;
    peer->server->over = peer->server->over || (script->n == 0 && size > 0);
    if (size <= 0 || peer->server->over) {
        hang_up(peer);
        return;
    }
    for (ssize_t i = 0; i < size; i++) {
        if (bytes[i] == '*') {
            struct slice answer = take_until(script, '\0');
            (void)!send(watcher->fd, answer.p, answer.n, MSG_NOSIGNAL);
        }
    }
}

static void on_connection(struct watcher *watcher, uint32_t events) {
    (void)events;
    struct server *server = container_of(watcher, struct server, watcher);
    server->heard++;
    int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && server->peer_count == PEERS) {
        server->over = true;
        close(fd);
    } else if (fd >= 0) {
        struct peer *peer = &server->peers[server->peer_count++];
        *peer = (struct peer){.watcher = {.on_ready = on_command}, .server = server};
        watcher_start(&peer->watcher, server->loop, fd, EPOLLIN);
    }
}

static void ignore_change(void *context) {
    (void)context;
}

/* Every input begins without last good copies. */
static void forget_kept(void) {
    int dir = open(fixed.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)unlinkat(dir, "rules.json", 0);
    (void)unlinkat(dir, "agents.json", 0);
    close(dir);
}

/* What the kept copy of a document says, or nothing. */
static struct buf kept(const char *name) {
    struct buf text = {0};
    struct diag diag = {0};
    (void)store_load(fixed.state_dir, name, RULESET_MAX_BYTES, &text, &diag);
    demand(diag.what[0] == '\0');
    return text;
}

static void check_kept(void) {
    static char *command[] = {"run", NULL};
    static const struct directory_defaults defaults = {.command = command};
    cleanup_buf struct buf rules = kept("rules.json");
    cleanup_buf struct buf agents = kept("agents.json");
    struct diag diag = {0};
    struct ruleset *ruleset = rules.len > 0 ? ruleset_parse(buf_slice(&rules), &diag) : NULL;
    struct directory *directory = agents.len > 0 ? directory_parse(buf_slice(&agents), &defaults, &diag) : NULL;
    demand((rules.len == 0 || ruleset != NULL) && (agents.len == 0 || directory != NULL));
    ruleset_release(ruleset);
    directory_release(directory);
}

static void check_source(const struct source *source) {
    const struct source_state *rules = source_rules_state(source), *agents = source_directory_state(source);
    demand(rules->count == (source_rules(source) != NULL ? ruleset_count(source_rules(source)) : 0));
    demand(source_directory(source) == NULL || agents->count <= directory_count(source_directory(source)));
    demand_printable(slice_of(rules->error));
    demand_printable(slice_of(agents->error));
    demand_printable(slice_of(source_redis(source)->error));
}

/* Until the script is over or nothing happens any more. */
static void play(struct server *server, int wait_ms) {
    unsigned idle = 0;
    for (size_t i = 0; i < TURNS && idle < 3 && !server->over && server->script.n > 0; i++) {
        unsigned before = server->heard;
        loop_turn(server->loop, wait_ms);
        idle = server->heard == before ? idle + 1 : 0;
    }
    for (size_t i = 0; i < 4; i++) {
        loop_turn(server->loop, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *command[] = {"run", NULL};
    struct diag diag = {0};
    if (fixed.dir == NULL) {
        start_fixed();
    }
    forget_kept();
    struct server server = {.loop = loop_new(), .script = {(const char *)data, size}};
    int wait_ms = slice_starts(server.script, SLICE("w")) ? WAIT_MS : 0;
    if (wait_ms > 0) {
        (void)take_byte(&server.script);
    }
    server.watcher.on_ready = on_connection;
    watcher_start(&server.watcher, server.loop, fixed.listener, EPOLLIN);
    struct source *source = source_start(&(struct source_options){.loop = server.loop,
                                                                  .redis_url = fixed.url,
                                                                  .state_dir = fixed.state_dir,
                                                                  .defaults = {.command = command},
                                                                  .on_change = ignore_change},
                                         &diag);
    demand(source != NULL);
    play(&server, wait_ms);
    check_source(source);
    source_free(source);
    check_kept();
    for (size_t i = 0; i < server.peer_count; i++) {
        hang_up(&server.peers[i]);
    }
    watcher_stop(&server.watcher);
    loop_free(server.loop);
    return 0;
}
