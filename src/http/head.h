/* A second look at the raw head of a request that the HTTP library has already accepted: it is more generous than
 * we are (RFC 9112). Pure. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include <stddef.h>

#include "base/slice.h"

struct head_limits {
    size_t max_bytes; /* request line and headers, the empty line included */
    unsigned max_headers;
};

/* What RAW begins with: at least one whole head, names in any case. 0 when it is good, else the status to answer:
 * 400 for more than one Content-Length, Transfer-Encoding or Host, for Content-Length beside Transfer-Encoding,
 * and for folded lines (all ways to make a proxy and us see different requests); 431 for too many headers or too
 * many bytes. */
int head_check(struct slice raw, const struct head_limits *limits);

/* Has the empty line come? The first SEEN bytes of INPUT are known to hold none, so that a header that trickles in
 * is not searched again and again. */
bool head_is_whole(struct slice input, size_t seen);

#endif
