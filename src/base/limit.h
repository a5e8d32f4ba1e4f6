/* Limits of a process (setrlimit(2)), written as people do: "nofile=1024", "as=4GiB". */
#ifndef BASE_LIMIT_H
#define BASE_LIMIT_H

#include <stdint.h>

#include "base/diag.h"

/* How many kinds there are. */
enum { LIMIT_KINDS = 9 };

struct process_limit {
    const char *name; /* as written in SIP_AGENT_LIMITS */
    int resource;     /* RLIMIT_… */
    uint64_t value;   /* of the soft and of the hard limit */
};

/* "NAME=VALUE": a size for what is counted in bytes (as core data fsize memlock stack), else a number (cpu, in
 * seconds, nofile nproc). False with DIAG (without a `where`), which says what would be right. */
bool limit_parse(const char *text, struct process_limit *ret_limit, struct diag *diag)
    __attribute__((warn_unused_result));

#endif
