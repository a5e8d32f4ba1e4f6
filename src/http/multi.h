/* HTTP requests that do not block: libcurl's multi interface as watchers and timers of struct loop. One pool of
 * kept-alive connections, HTTP/1.1, no redirects, no proxy from the environment, names resolved on threads (with
 * all signals blocked), TLS verified, a deadline and a size limit on every answer. What a status or a body means
 * is the caller's business. Lets writes fail (loop/signals.h): OpenSSL writes without MSG_NOSIGNAL. One thread only. */
#ifndef HTTP_MULTI_H
#define HTTP_MULTI_H

#include "base/slice.h"
#include "loop/loop.h"

struct http_multi;
struct http_flight; /* one request on its way */

struct http_multi_options {
    struct loop *loop;
    const char *ca_file; /* PEM with the only authorities to trust, read at each connecting; NULL or "": the system's */
    int max_idle;        /* connections kept open while nothing is asked; 0: 4 */
};

/* How a request ended. */
enum http_end {
    HTTP_ANSWERED,    /* status, body and headers are there, whatever the status */
    HTTP_BAD_URL,     /* not http:// or https:// */
    HTTP_UNREACHABLE, /* no address, no connection */
    HTTP_NOT_TRUSTED, /* TLS: certificate, name, or no TLS there at all */
    HTTP_TIMED_OUT,   /* not all of it came in time */
    HTTP_BROKEN,      /* the connection broke or what came is not HTTP */
    HTTP_TOO_LONG,    /* the answer is over max_answer */
};

struct http_multi_answer {
    enum http_end end;
    int status;            /* 0 unless HTTP_ANSWERED; so with all that follows but WHY */
    struct slice body;     /* borrowed for the callback's duration */
    int64_t date_s;        /* the header Date, Unix seconds; 0: none that can be read */
    int64_t retry_after_s; /* the header Retry-After, from seconds or a date; 0: none */
    const char *why;       /* a sentence for people unless HTTP_ANSWERED, never NULL; borrowed */
};

struct http_multi_call {
    const char *method;        /* "POST" … */
    const char *url;           /* http://…, https://… */
    const char *authorization; /* header value, or NULL */
    const char *content_type;  /* or NULL */
    struct slice body;
    int64_t timeout_ms; /* for all of it, the resolving of the name included */
    size_t max_answer;  /* bytes */
    /* The request may not arrive twice. On a connection used before, the server may be closing it just then, and
     * curl repeats the request without knowing whether the first one was acted on; so this one gets its own. */
    bool once;
    void (*on_done)(void *context, const struct http_multi_answer *answer);
    void *context;
};

/* LOOP must outlive it. NULL: libcurl cannot be had in this process. */
struct http_multi *http_multi_new(const struct http_multi_options *options);
/* Cancels every flight and closes the connections. Allowed inside on_done. */
void http_multi_free(struct http_multi *multi);

/* Copies what CALL points to. on_done runs once, later, from a task of the loop: never before this returns, never
 * inside another call of this module, never after http_multi_cancel or http_multi_free. The flight is gone when
 * on_done begins. */
struct http_flight *http_multi_start(struct http_multi *multi, const struct http_multi_call *call);
/* NULL is allowed. Does not wait, not even for a name server. */
void http_multi_cancel(struct http_flight *flight);

/* Flights that were started and have neither ended nor been cancelled. */
size_t http_multi_count(const struct http_multi *multi);

#endif
