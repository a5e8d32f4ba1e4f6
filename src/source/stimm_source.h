/* Stimm's list of agents, asked for over HTTP: at once, then every minute, soon when a call names an agent that is not
 * in it, and with back-off while it cannot be had. One request at a time. */
#ifndef SOURCE_STIMM_SOURCE_H
#define SOURCE_STIMM_SOURCE_H

#include "loop/loop.h"
#include "rules/stimm_document.h"

/* X(name, text). AWAY: no answer, or one that says "not now". ODD: what answers is not Stimm, or gives no list that
 * can be used. */
#define STIMM_STATES(X)       \
    X(UNTRIED, "untried")     \
    X(CONNECTED, "connected") \
    X(AWAY, "away")           \
    X(ODD, "not Stimm")
enum stimm_state {
#define X(name, text) STIMM_##name,
    STIMM_STATES(X)
#undef X
};
const char *stimm_state_name(enum stimm_state state);

struct stimm_status {
    enum stimm_state state;
    char error[256];  /* "" unless AWAY or ODD; nothing of the answer stands in it */
    int64_t retry_ms; /* then: it is asked again so much later */
};

struct stimm_times {
    int64_t timeout_ms; /* for one answer */
    int64_t refresh_ms; /* from one answer to the next request */
    int64_t miss_ms;    /* at least so long between two requests that calls cause */
    int64_t retry_ms;   /* the first step of the back-off: this, twice, 4, … 64 times as long */
};
#define STIMM_TIMES ((struct stimm_times){.timeout_ms = 10000, .refresh_ms = 60000, .miss_ms = 2000, .retry_ms = 500})

struct stimm_source_options {
    struct loop *loop;
    const char *url;                           /* STIMM_API_URL */
    const struct directory_defaults *defaults; /* borrowed while the source lives */
    struct stimm_times times;
    /* Both from the loop only, the status first. DOCUMENT is whoever's takes it out; told whenever it was read. */
    void (*on_status)(void *context, const struct stimm_status *status);
    void (*on_agents)(void *context, struct stimm_document *document);
    void *context;
};

struct stimm_source;

/* Copies what it keeps. Never waits. NULL: no HTTP client can be had in this process. */
struct stimm_source *stimm_source_start(const struct stimm_source_options *options);
/* NULL is fine. Not inside its callbacks. */
void stimm_source_free(struct stimm_source *source);
/* The URL. */
const char *stimm_source_label(const struct stimm_source *source);
/* Asks now, or once more after the answer that is under way. */
void stimm_source_refresh(struct stimm_source *source);
/* A call named an agent that is not in the list: asks soon, at most every miss_ms; during a back-off that decides. */
void stimm_source_miss(struct stimm_source *source);

#endif
