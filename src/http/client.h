/* A blocking HTTP request (libcurl) for commands: replay, status, calls. The daemon itself never uses it.
 * No redirects, no proxy from the environment, answers limited in size, a deadline on everything. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/buf.h"
#include "base/diag.h"
#include "base/slice.h"

struct http_client; /* keeps one connection alive between calls */

struct http_call {
    const char *method;        /* "GET", "POST" */
    const char *url;           /* http://…, https://… */
    const char *unix_socket;   /* path, or NULL */
    const char *authorization; /* header value, or NULL */
    const char *content_type;  /* or NULL */
    const char *ca_file;       /* PEM with the only authorities to trust; NULL: the system's */
    struct slice body;
    int timeout_ms;
    size_t max_answer; /* bytes */
};

struct http_client *http_client_new(void);
void http_client_free(struct http_client *client);
/* True with the status and the body; false with DIAG when there was no answer (refused, time-out, TLS …). */
bool http_client_call(struct http_client *client, const struct http_call *call, int *ret_status, struct buf *ret_body,
                      struct diag *diag) __attribute__((warn_unused_result));

#endif
