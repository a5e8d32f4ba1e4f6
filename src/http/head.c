/* One pass over the lines of the head. */
#include "http/head.h"

#include <strings.h>

struct head_counts {
    unsigned headers, content_length, transfer_encoding, host, folded;
};

static bool is_named(struct slice line, struct slice name) {
    return line.n > name.n && line.p[name.n] == ':' && strncasecmp(line.p, name.p, name.n) == 0;
}

static void count_line(struct head_counts *counts, struct slice line) {
    counts->headers++;
    switch (line.p[0]) {
    case 'c':
    case 'C': counts->content_length += is_named(line, SLICE("content-length")); break;
    case 't':
    case 'T': counts->transfer_encoding += is_named(line, SLICE("transfer-encoding")); break;
    case 'h':
    case 'H': counts->host += is_named(line, SLICE("host")); break;
    case ' ':
    case '\t': counts->folded++; break;
    default: break;
    }
}

static bool is_ambiguous(const struct head_counts *counts) {
    return counts->content_length + counts->transfer_encoding > 1 || counts->host > 1 || counts->folded > 0;
}

/* Takes one line, without its CR LF or LF. False when there is none. */
static bool next_line(struct slice *rest, struct slice *ret_line) {
    const char *end = rest->n > 0 ? memchr(rest->p, '\n', rest->n) : NULL;
    if (end == NULL) {
        return false;
    }
    size_t length = (size_t)(end - rest->p);
    *ret_line = (struct slice){rest->p, length > 0 && end[-1] == '\r' ? length - 1 : length};
    *rest = (struct slice){end + 1, rest->n - length - 1};
    return true;
}

/* The request line, and one empty line that may come before it. */
static bool skip_request_line(struct slice *rest) {
    struct slice line;
    return next_line(rest, &line) && (line.n > 0 || next_line(rest, &line));
}

bool head_is_whole(struct slice input, size_t seen) {
    size_t from = seen > 2 ? seen - 2 : 0; /* the empty line may have begun there */
    const char *end = input.p + input.n;
    const char *at = input.n > from ? memchr(input.p + from, '\n', input.n - from) : NULL;
    while (at != NULL && ++at < end) {
        if (*at == '\n' || (*at == '\r' && at + 1 < end && at[1] == '\n')) {
            return true;
        }
        at = memchr(at, '\n', (size_t)(end - at));
    }
    return false;
}

int head_check(struct slice raw, const struct head_limits *limits) {
    struct head_counts counts = {0};
    struct slice rest = raw;
    struct slice line = {NULL, 0};
    (void)skip_request_line(&rest);
    while (next_line(&rest, &line) && line.n > 0) {
        count_line(&counts, line);
        if (counts.headers > limits->max_headers) {
            return 431;
        }
    }
    if (raw.n - rest.n > limits->max_bytes) {
        return 431;
    }
    return is_ambiguous(&counts) ? 400 : 0;
}
