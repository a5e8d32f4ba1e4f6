/* What the kernel says of this process. */
#ifndef OPS_SELF_H
#define OPS_SELF_H

#include <stdint.h>

/* Each is -1 where it cannot be told. */
struct self {
    int64_t resident_bytes, virtual_bytes;
    int64_t fds, max_fds; /* open descriptors, and how many may be */
    int64_t cpu_us;       /* user and system time */
};
void self_look(struct self *ret_self);

#endif
