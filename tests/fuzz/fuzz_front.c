/* A request as a stranger sends it to the public door, through the real server to the real routes and the receiver of
 * webhooks. The first byte chooses: 0 the rest is what goes over the wire; 1 the rest is the body of a webhook that we
 * sign; 2 the first line is the claims of a token that we sign, and the second a method and a path.
 * Every answer is whole, and nobody without an operator's token sees or changes anything. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "auth/base64.h"
#include "auth/hmac.h"
#include "auth/jwt.h"
#include "auth/operator.h"
#include "base/log.h"
#include "base/mem.h"
#include "bridge/bridge.h"
#include "fuzz.h"
#include "ops/ops.h"

enum { PATIENCE_MS = 10000, CALLS = 3 };

/* What lives as long as the process. */
static const struct ops_memory memory = {.is_known = true, .hundredths = 1250, .max_percent = 60};

static struct front {
    struct loop *loop;
    struct http_server *server;
    struct keyring *keys;
    struct receiver *receiver;
    struct bridge *bridge;
    struct ops_errors errors;
    struct ops ops;
    struct ops_entrance entrance;
    struct sockaddr_un address;
    bool may_read, may_act; /* what the token of this input allows */
    bool is_ours;           /* a webhook that we signed */
} front = {.address.sun_family = AF_UNIX};

static bool drop_event(void *context, struct webhook_event *event) {
    (void)context;
    demand(front.is_ours);
    event_free(event);
    return true;
}

static bool stop_call(void *context, const char *sid) {
    (void)context;
    demand(front.may_act && text_is_sid(slice_of(sid)));
    return sid[0] == 'R';
}

static bool reload(void *context, struct buf *said) {
    (void)context;
    demand(front.may_act);
    buf_adds(said, "reloaded");
    return true;
}

static enum ops_cleanup clean_up(void *context, size_t *ret_calls) {
    (void)context;
    demand(front.may_act);
    *ret_calls = CALLS;
    return CLEANUP_STARTED;
}

/* The routes, and what must hold of whatever they answer. */
static void handle(void *context, const struct http_request *request, struct http_answer *answer) {
    ops_handle(context, request, answer);
    bool json = answer->content_type != NULL && strcmp(answer->content_type, "application/json") == 0;
    demand(answer->status >= 200 && answer->status <= 503 && text_is_utf8(buf_slice(&answer->body)));
    demand((answer->content_type != NULL) == (answer->body.len > 0));
    if (json) {
        json_decref(demand_json(buf_slice(&answer->body)));
    }
    if (slice_is(request->path, "/health/sip-bridge-status") && answer->status == 200) {
        demand(front.may_read);
    }
    if (slice_is(request->path, "/webhooks/livekit") && answer->status == 200) {
        demand(front.is_ours);
    }
}

static void remove_socket(void) {
    unlink(front.address.sun_path);
}

static void start_ops(void) {
    static const struct bridge_ports nowhere; /* no call ever starts */
    front.keys = keyring_new();
    demand(keyring_parse(front.keys, SLICE("devkey: 0123456789abcdef0123456789abcdef"), NULL));
    front.receiver = receiver_new(&(struct receiver_options){
        .keys = front.keys, .max_remembered = 64, .remember_ms = 1000, .on_event = drop_event});
    front.bridge = bridge_new(&bridge_options_default, &nowhere);
    front.ops = (struct ops){.webhook_path = "/webhooks/livekit",
                             .room_prefix = "sip-\"inbound",
                             .keys = front.keys,
                             .receiver = front.receiver,
                             .bridge = front.bridge,
                             .errors = &front.errors,
                             .memory = &memory,
                             .stop_call = stop_call,
                             .reload = reload,
                             .clean_up = clean_up};
    front.entrance = (struct ops_entrance){&front.ops, DOOR_PUBLIC};
    log_listen(ops_errors_add, &front.errors);
}

static void start(void) {
    struct diag diag = {0};
    log_init(&(struct log_options){.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_DEBUG});
    start_ops();
    snprintf(front.address.sun_path, sizeof front.address.sun_path, "/tmp/sipbridge-front-%d.sock", (int)getpid());
    atexit(remove_socket);
    cleanup_free char *at = xasprintf("unix:%s", front.address.sun_path);
    const struct http_listen listen = {.address = at,
                                       .socket_mode = 0600,
                                       .handle = handle,
                                       .context = &front.entrance};
    front.loop = loop_new();
    front.server = http_server_new(front.loop, &http_limits_default, &listen, 1, &diag);
    demand(front.server != NULL);
}

/* What came is a row of answers, the last of which may be cut off by our hanging up. */
static void check_answers(struct slice answers) {
    if (answers.n == 0) {
        return;
    }
    demand(slice_starts(answers, SLICE("HTTP/1.")));
    demand(answers.n > 12 && answers.p[9] >= '1' && answers.p[9] <= '5' && answers.p[8] == ' ');
    demand(memmem(answers.p, answers.n, "\r\n\r\n", 4) != NULL);
}

static void send_all(struct slice bytes) {
    cleanup_buf struct buf answers = {0};
    char piece[4096];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    demand(connect(fd, (struct sockaddr *)&front.address, sizeof front.address) == 0);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    (void)!send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    mono_ms end = clock_mono_ms() + PATIENCE_MS;
    http_server_turn(front.server, 0);
    while (http_server_counters(front.server)->open > 0) {
        http_server_turn(front.server, 10);
        for (ssize_t size; (size = recv(fd, piece, sizeof piece, 0)) > 0;) {
            buf_add(&answers, piece, (size_t)size);
        }
        demand(clock_mono_ms() < end);
    }
    for (ssize_t size; (size = recv(fd, piece, sizeof piece, 0)) > 0;) {
        buf_add(&answers, piece, (size_t)size);
    }
    close(fd);
    check_answers(buf_slice(&answers));
}

static void send_webhook(struct slice body) {
    unsigned char digest[HMAC_SIZE];
    cleanup_buf struct buf hash = {0};
    cleanup_buf struct buf request = {0};
    hmac_hash(body, digest);
    base64_encode(&hash, BASE64_PADDED, (struct slice){(char *)digest, sizeof digest});
    cleanup_free char *claims = xasprintf("{\"iss\":\"devkey\",\"exp\":%lld,\"sha256\":\"%s\"}",
                                          (long long)(clock_wall_ms() / 1000 + 60), hash.p);
    cleanup_free char *token = jwt_sign(front.keys, slice_of(claims));
    buf_addf(&request,
             "POST /webhooks/livekit HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: "
             "application/webhook+json\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
             token, body.n);
    buf_add_slice(&request, body);
    front.is_ours = true;
    send_all(buf_slice(&request));
}

/* CLAIMS with the moment in ten minutes for "@": an operator's token lives an hour at most. */
static void add_claims(struct buf *out, struct slice claims) {
    while (claims.n > 0) {
        buf_add_slice(out, take_until(&claims, '@'));
        if (claims.n > 0) {
            buf_addf(out, "%lld", (long long)(clock_wall_ms() / 1000 + 600));
        }
    }
}

static void send_claims(struct slice line_of_claims, struct slice line) {
    cleanup_buf struct buf claims = {0};
    cleanup_buf struct buf request = {0};
    buf_adds(&claims, "");
    add_claims(&claims, line_of_claims);
    cleanup_free char *token = jwt_sign(front.keys, buf_slice(&claims));
    enum operator_scope scope = operator_check(front.keys, slice_of(token), clock_wall_ms() / 1000);
    front.may_read = scope >= OPERATOR_READER;
    front.may_act = scope >= OPERATOR_FULL;
    buf_add_slice(&request, line);
    buf_addf(&request, " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 0\r\n\r\n", token);
    send_all(buf_slice(&request));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (front.server == NULL) {
        start();
    }
    struct slice rest = {(const char *)data, size};
    unsigned choice = take_byte(&rest) % 3;
    front.may_read = front.may_act = front.is_ours = false;
    if (choice == 0) {
        send_all(rest);
    } else if (choice == 1) {
        send_webhook(rest);
    } else {
        struct slice claims = take_until(&rest, '\n');
        send_claims(claims, take_until(&rest, '\n'));
    }
    return 0;
}
