/* The end of a connection whose peer may still be sending: the answer is out, our side is shut, and what still
 * comes is thrown away for a moment. Closing at once would make the kernel send a reset, which can reach the peer
 * before it has read the answer (RFC 9112 section 9.6). Bounded in number, time and bytes. */
#ifndef HTTP_LINGER_H
#define HTTP_LINGER_H

#include "loop/loop.h"

struct lingers;

struct lingers *lingers_new(struct loop *loop);
void lingers_free(struct lingers *lingers);
/* Takes a duplicate of FD, writes ANSWER (may be NULL) as far as it goes without waiting, and shuts our side. FD
 * stays the caller's, who closes it at once. Does nothing when all places are taken. */
void lingers_add(struct lingers *lingers, int fd, const char *answer);

#endif
