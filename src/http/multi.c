/* curl tells which sockets to watch and when to be called again; we tell it what happened, and collect finished
 * transfers after each telling. A finished flight is handed to its owner from a task, outside of every curl call,
 * so the owner may start, cancel or free whatever it likes. */
#include "http/multi.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/mem.h"
#include "http/dup_watch.h"
#include "loop/signals.h"

struct socket {
    struct dup_watch watch;
    struct http_multi *multi;
    LIST_ENTRY(socket) link;
};

struct http_multi {
    struct loop *loop;
    CURLM *curl;
    char *ca_file;
    struct timer timer;
    LIST_HEAD(, socket) sockets;
    LIST_HEAD(, http_flight) flights;
    size_t count;
};

struct http_flight {
    struct http_multi *multi;
    LIST_ENTRY(http_flight) link;
    CURL *curl;
    struct curl_slist *headers;
    struct buf sent, body;
    size_t max_answer;
    bool over, flying; /* flying: curl has it */
    CURLcode result;
    char detail[CURL_ERROR_SIZE];
    struct task task;
    int64_t timeout_ms;
    void (*on_done)(void *context, const struct http_multi_answer *answer);
    void *context;
};

/* What else there is to know of the answer is read when its owner is told. */
static void collect(struct http_multi *multi) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi->curl, &left)) != NULL) {
        struct http_flight *flight = NULL;
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&flight);
        flight->result = result;
        curl_multi_remove_handle(multi->curl, flight->curl);
        flight->flying = false;
        task_add(&flight->task, multi->loop);
    }
}

/* Threads that curl starts meanwhile (resolvers) inherit the mask: signals belong to the loop's signalfd. */
static void act(struct http_multi *multi, curl_socket_t fd, int what) {
    sigset_t all, before;
    int running;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    curl_multi_socket_action(multi->curl, fd, what, &running);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    collect(multi);
}

static void on_timer(struct timer *timer) {
    act(container_of(timer, struct http_multi, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int want_timer(CURLM *curl, long delay_ms, void *context) {
    struct http_multi *multi = context;
    (void)curl;
    if (delay_ms < 0) {
        timer_cancel(&multi->timer);
    } else {
        timer_start(&multi->timer, multi->loop, delay_ms);
    }
    return 0;
}

static void on_socket(struct watcher *watcher, uint32_t events) {
    struct socket *socket = container_of(watcher, struct socket, watch.watcher);
    int what = ((events & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0) |
               ((events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) | ((events & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0);
    act(socket->multi, socket->watch.fd, what); /* SOCKET may be gone after this */
}

static void forget_socket(struct socket *socket) {
    dup_watch_stop(&socket->watch);
    LIST_REMOVE(socket, link);
    free(socket);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned) {
    struct http_multi *multi = context;
    struct socket *socket = assigned;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (socket != NULL) {
            curl_multi_assign(multi->curl, fd, NULL);
            forget_socket(socket);
        }
        return 0;
    }
    if (socket == NULL) {
        socket = xcalloc(1, sizeof *socket);
        *socket = (struct socket){.multi = multi, .watch.watcher.on_ready = on_socket};
        LIST_INSERT_HEAD(&multi->sockets, socket, link);
        curl_multi_assign(multi->curl, fd, socket);
    }
    uint32_t events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    dup_watch_set(&socket->watch, multi->loop, fd, events);
    return 0;
}

/* curl takes a new socket with an old number for the old one, and does not ask again for what it asked before. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    struct http_multi *multi = context;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    struct socket *old;
    LIST_FOREACH(old, &multi->sockets, link) {
        if (fd >= 0 && old->watch.fd == fd) {
            dup_watch_set(&old->watch, multi->loop, fd, old->watch.watcher.events);
        }
    }
    return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

struct http_multi *http_multi_new(const struct http_multi_options *options) {
    static bool started;
    signals_let_writes_fail();
    if (!started && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NULL;
    }
    started = true;
    CURLM *curl = curl_multi_init();
    if (curl == NULL) {
        return NULL;
    }
    struct http_multi *multi = xcalloc(1, sizeof *multi);
    *multi = (struct http_multi){.loop = options->loop, .curl = curl, .timer.on_due = on_timer};
    if (options->ca_file != NULL && options->ca_file[0] != '\0') {
        multi->ca_file = xstrdup(options->ca_file);
    }
    curl_multi_setopt(curl, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(curl, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(curl, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(curl, CURLMOPT_TIMERDATA, multi);
    curl_multi_setopt(curl, CURLMOPT_MAXCONNECTS, (long)(options->max_idle > 0 ? options->max_idle : 4));
    return multi;
}

void http_multi_free(struct http_multi *multi) {
    if (multi == NULL) {
        return;
    }
    while (!LIST_EMPTY(&multi->flights)) {
        http_multi_cancel(LIST_FIRST(&multi->flights));
    }
    curl_multi_cleanup(multi->curl);
    while (!LIST_EMPTY(&multi->sockets)) {
        forget_socket(LIST_FIRST(&multi->sockets));
    }
    timer_cancel(&multi->timer);
    free(multi->ca_file);
    free(multi);
}

size_t http_multi_count(const struct http_multi *multi) {
    return multi->count;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *context) {
    struct http_flight *flight = context;
    (void)one; /* always 1 */
    if (size > flight->max_answer - flight->body.len) {
        flight->over = true;
        return 0; /* ends the transfer */
    }
    buf_add(&flight->body, bytes, size);
    return size;
}

static void add_header(struct curl_slist **headers, const char *name, const char *value) {
    cleanup_free char *line = xasprintf("%s: %s", name, value);
    *headers = curl_slist_append(*headers, line);
}

static struct curl_slist *make_headers(const struct http_multi_call *call) {
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:"); /* no round trip before a body */
    if (call->authorization != NULL) {
        add_header(&headers, "Authorization", call->authorization);
    }
    if (call->content_type != NULL) {
        add_header(&headers, "Content-Type", call->content_type);
    } else {
        headers = curl_slist_append(headers, "Content-Type:"); /* else curl says it is a form */
    }
    return headers;
}

static void set_request(struct http_flight *flight, const struct http_multi_call *call) {
    CURL *curl = flight->curl;
    buf_add_slice(&flight->sent, call->body);
    flight->headers = make_headers(call);
    curl_easy_setopt(curl, CURLOPT_URL, call->url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, flight->headers);
    if (flight->sent.len > 0 || !slice_is(slice_of(call->method), "GET")) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)flight->sent.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, flight->sent.len > 0 ? flight->sent.p : "");
    }
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(call->timeout_ms > 0 ? call->timeout_ms : 1));
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)call->max_answer);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, call->once ? 1L : 0L);
}

static void set_rest(struct http_flight *flight) {
    CURL *curl = flight->curl;
    curl_easy_setopt(curl, CURLOPT_PRIVATE, flight);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, flight->detail);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, flight);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* not what http_proxy says */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* else to give up waits for the resolver's thread */
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "sipbridge/" SIPBRIDGE_VERSION);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, flight->multi);
    if (flight->multi->ca_file != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, flight->multi->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);         /* where Debian's are */
        curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, 0L); /* else a file that is mended is not read for a day */
    }
}

static void free_flight(struct http_flight *flight) {
    curl_easy_cleanup(flight->curl);
    curl_slist_free_all(flight->headers);
    buf_release(&flight->sent);
    buf_release(&flight->body);
    free(flight);
}

/* Takes it out of its multi's hands, which may be freed from now on. */
static void detach(struct http_flight *flight) {
    task_cancel(&flight->task);
    if (flight->flying) {
        curl_multi_remove_handle(flight->multi->curl, flight->curl);
        flight->flying = false;
    }
    LIST_REMOVE(flight, link);
    flight->multi->count--;
}

/* curl calls an answer that is not HTTP an unsupported protocol too. */
static bool was_sent(const struct http_flight *flight) {
    long size = 0;
    curl_easy_getinfo(flight->curl, CURLINFO_REQUEST_SIZE, &size);
    return size > 0;
}

static enum http_end end_of(const struct http_flight *flight) {
    if (flight->over) {
        return HTTP_TOO_LONG;
    }
    switch (flight->result) {
    case CURLE_OK: return HTTP_ANSWERED;
    case CURLE_URL_MALFORMAT: return HTTP_BAD_URL;
    case CURLE_UNSUPPORTED_PROTOCOL: return was_sent(flight) ? HTTP_BROKEN : HTTP_BAD_URL;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT: return HTTP_UNREACHABLE;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION: return HTTP_NOT_TRUSTED;
    case CURLE_OPERATION_TIMEDOUT: return HTTP_TIMED_OUT;
    case CURLE_FILESIZE_EXCEEDED: return HTTP_TOO_LONG;
    default: return HTTP_BROKEN;
    }
}

static void read_headers(struct http_flight *flight, struct http_multi_answer *answer) {
    struct curl_header *date;
    curl_off_t retry_after_s = 0;
    long status = 0;
    curl_easy_getinfo(flight->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(flight->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
    answer->status = (int)status;
    answer->retry_after_s = retry_after_s > 0 ? retry_after_s : 0;
    answer->body = buf_slice(&flight->body);
    if (curl_easy_header(flight->curl, "Date", 0, CURLH_HEADER, -1, &date) == CURLHE_OK) {
        time_t at = curl_getdate(date->value, NULL);
        answer->date_s = at > 0 ? at : 0;
    }
}

static void say_why(const struct http_flight *flight, enum http_end end, struct buf *ret) {
    const char *detail = flight->detail[0] != '\0' ? flight->detail : curl_easy_strerror(flight->result);
    switch (end) {
    case HTTP_ANSWERED: buf_adds(ret, ""); break;
    case HTTP_BAD_URL: buf_adds(ret, "not an http:// or https:// URL"); break;
    case HTTP_TIMED_OUT: buf_addf(ret, "no answer within %lld ms", (long long)flight->timeout_ms); break;
    case HTTP_TOO_LONG: buf_addf(ret, "the answer is longer than %zu bytes", flight->max_answer); break;
    case HTTP_UNREACHABLE:
    case HTTP_NOT_TRUSTED:
    case HTTP_BROKEN: buf_adds(ret, detail); break;
    }
}

static void tell(struct task *task) {
    struct http_flight *flight = container_of(task, struct http_flight, task);
    struct http_multi_answer answer = {.end = end_of(flight)};
    struct buf why cleanup_buf = {0};
    if (answer.end == HTTP_ANSWERED) {
        read_headers(flight, &answer);
    }
    say_why(flight, answer.end, &why);
    answer.why = why.p;
    detach(flight);
    flight->on_done(flight->context, &answer);
    free_flight(flight);
}

struct http_flight *http_multi_start(struct http_multi *multi, const struct http_multi_call *call) {
    assert(call->on_done != NULL);
    struct http_flight *flight = xcalloc(1, sizeof *flight);
    *flight = (struct http_flight){.multi = multi,
                                   .curl = curl_easy_init(),
                                   .max_answer = call->max_answer,
                                   .timeout_ms = call->timeout_ms,
                                   .task.run = tell,
                                   .on_done = call->on_done,
                                   .context = call->context};
    LIST_INSERT_HEAD(&multi->flights, flight, link);
    multi->count++;
    flight->result = CURLE_FAILED_INIT;
    if (flight->curl != NULL) {
        set_request(flight, call);
        set_rest(flight);
        flight->flying = curl_multi_add_handle(multi->curl, flight->curl) == CURLM_OK;
    }
    if (!flight->flying) {
        task_add(&flight->task, multi->loop);
    }
    return flight;
}

void http_multi_cancel(struct http_flight *flight) {
    if (flight != NULL) {
        detach(flight);
        free_flight(flight);
    }
}
