/* Asking Stimm. A request is caused by one timer; what causes it earlier only moves the timer. */
#include "source/stimm_source.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "http/multi.h"

enum {
    BACK_OFF_DOUBLINGS = 6,
    MAX_RETRY_AFTER_S = 60,
    STIMM_PAGE = 100, /* so many agents it lists unless told more (its routes.py, list_agents) */
};

struct stimm_source {
    struct stimm_source_options options;
    struct http_multi *http;
    struct http_flight *flight; /* NULL: none is under way */
    char *url;                  /* without a slash at its end */
    struct stimm_status status;
    struct timer ask;
    mono_ms asked_at;
    unsigned failures; /* in a row */
    bool hurried;      /* the timer was moved: not again */
    bool again;        /* what is under way may be too old */
    bool long_list;    /* it has more agents than it lists unless told more */
};

static void send_request(struct stimm_source *source);

const char *stimm_state_name(enum stimm_state state) {
    static const char *const names[] = {
#define X(name, text) [STIMM_##name] = text,
        STIMM_STATES(X)
#undef X
    };
    return names[state];
}

static void fail(struct stimm_source *source, enum stimm_state state, const char *error, int64_t least_ms) {
    unsigned doublings = source->failures < BACK_OFF_DOUBLINGS ? source->failures : BACK_OFF_DOUBLINGS;
    int64_t delay = source->options.times.retry_ms << doublings;
    source->failures++;
    source->again = false;
    source->status = (struct stimm_status){.state = state, .retry_ms = delay > least_ms ? delay : least_ms};
    snprintf(source->status.error, sizeof source->status.error, "%s", error);
    timer_start(&source->ask, source->options.loop, source->status.retry_ms);
    source->options.on_status(source->options.context, &source->status);
}

static void next_request(struct stimm_source *source) {
    const struct stimm_times *times = &source->options.times;
    if (source->again) {
        source->again = false;
        source->hurried = true;
        timer_start_at(&source->ask, source->options.loop, source->asked_at + times->miss_ms);
    } else {
        timer_start(&source->ask, source->options.loop, times->refresh_ms);
    }
}

static void take_list(struct stimm_source *source, struct slice body) {
    struct diag diag = {0};
    cleanup_stimm struct stimm_document document = {0};
    if (!stimm_document_parse(body, source->options.defaults, &document, &diag)) {
        char error[sizeof source->status.error];
        diag_text(&diag, error, sizeof error);
        fail(source, STIMM_ODD, error, 0);
        return;
    }
    if (document.listed == STIMM_PAGE && !source->long_list) {
        source->long_list = true;
        send_request(source);
        return;
    }
    source->failures = 0;
    source->status = (struct stimm_status){.state = STIMM_CONNECTED};
    next_request(source);
    source->options.on_status(source->options.context, &source->status);
    source->options.on_agents(source->options.context, &document);
}

/* The body of such an answer is not read: it may say anything. */
static void take_refusal(struct stimm_source *source, const struct http_multi_answer *answer) {
    static const struct {
        int least, most;
        enum stimm_state state;
        const char *hint;
    } rows[] = {
        {200, 299, STIMM_ODD, ": that is no list of agents"},
        {300, 399, STIMM_ODD, ": redirects are not followed, set STIMM_API_URL to where it leads"},
        {401, 403, STIMM_ODD, ": it wants a login, and sipbridge has none"},
        {404, 404, STIMM_ODD, ": there is no /api/agents/, is STIMM_API_URL right?"},
        {429, 429, STIMM_AWAY, ""},
        {400, 499, STIMM_ODD, ""},
        {0, INT_MAX, STIMM_AWAY, ""},
    };
    size_t row = 0;
    while (answer->status < rows[row].least || answer->status > rows[row].most) {
        row++;
    }
    char error[128];
    snprintf(error, sizeof error, "it answers %d%s", answer->status, rows[row].hint);
    int64_t after_s = answer->retry_after_s < MAX_RETRY_AFTER_S ? answer->retry_after_s : MAX_RETRY_AFTER_S;
    fail(source, rows[row].state, error, after_s * 1000);
}

/* curl's words for a refused connection tell how many milliseconds it took: each time another error. */
static void without_time(const char *why, char *ret_text, size_t size) {
    const char *after = strstr(why, " after ");
    const char *rest = after != NULL ? strstr(after, " ms") : NULL;
    size_t head = rest != NULL ? (size_t)(after - why) : strlen(why);
    snprintf(ret_text, size, "%.*s%s", (int)head, why, rest != NULL ? rest + strlen(" ms") : "");
}

static void on_done(void *context, const struct http_multi_answer *answer) {
    struct stimm_source *source = context;
    source->flight = NULL;
    if (answer->end == HTTP_ANSWERED && answer->status == 200) {
        take_list(source, answer->body);
    } else if (answer->end == HTTP_ANSWERED) {
        take_refusal(source, answer);
    } else {
        char error[sizeof source->status.error];
        without_time(answer->why, error, sizeof error);
        bool reached = answer->end == HTTP_TOO_LONG || answer->end == HTTP_BAD_URL;
        fail(source, reached ? STIMM_ODD : STIMM_AWAY, error, 0);
    }
}

static void send_request(struct stimm_source *source) {
    char more[32] = "";
    if (source->long_list) {
        snprintf(more, sizeof more, "?limit=%d", DIRECTORY_MAX_AGENTS);
    }
    cleanup_free char *url = xasprintf("%s/api/agents/%s", source->url, more);
    source->hurried = false;
    source->asked_at = loop_now(source->options.loop);
    source->flight = http_multi_start(source->http, &(struct http_multi_call){
                                                        .method = "GET",
                                                        .url = url,
                                                        .timeout_ms = source->options.times.timeout_ms,
                                                        .max_answer = STIMM_MAX_BYTES,
                                                        .on_done = on_done,
                                                        .context = source,
                                                    });
}

static void on_ask(struct timer *timer) {
    send_request(container_of(timer, struct stimm_source, ask));
}

struct stimm_source *stimm_source_start(const struct stimm_source_options *options) {
    struct http_multi *http = http_multi_new(&(struct http_multi_options){.loop = options->loop, .max_idle = 1});
    if (http == NULL) {
        return NULL;
    }
    struct stimm_source *source = xcalloc(1, sizeof *source);
    *source = (struct stimm_source){.options = *options, .http = http, .ask.on_due = on_ask};
    size_t size = strlen(options->url);
    while (size > 0 && options->url[size - 1] == '/') {
        size--;
    }
    source->url = xmemdup(options->url, size);
    source->options.url = source->url;
    timer_start(&source->ask, options->loop, 0);
    return source;
}

void stimm_source_free(struct stimm_source *source) {
    if (source == NULL) {
        return;
    }
    timer_cancel(&source->ask);
    http_multi_free(source->http);
    free(source->url);
    free(source);
}

const char *stimm_source_label(const struct stimm_source *source) {
    return source->url;
}

void stimm_source_refresh(struct stimm_source *source) {
    if (source->flight != NULL) {
        source->again = true;
        return;
    }
    source->hurried = true;
    timer_start(&source->ask, source->options.loop, 0);
}

void stimm_source_miss(struct stimm_source *source) {
    if (source->status.state != STIMM_CONNECTED || source->hurried) {
        return;
    }
    if (source->flight != NULL) {
        source->again = true;
        return;
    }
    mono_ms due = source->asked_at + source->options.times.miss_ms, now = loop_now(source->options.loop);
    source->hurried = true;
    timer_start_at(&source->ask, source->options.loop, due > now ? due : now);
}
