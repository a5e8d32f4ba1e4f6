/* Who listens on a TCP port of this machine, for an error message. Reads /proc; what is not ours to see is not
 * found. Slow (it looks at every process): only for a start that fails anyway. */
#ifndef HTTP_OWNER_H
#define HTTP_OWNER_H

#include <stddef.h>
#include <sys/types.h>

/* Writes "pid 123 (nginx)", or "another process" when it cannot be told. */
void owner_of_port(int port, char *ret_text, size_t size);
/* The same for a known process; PID 0: another process. */
void owner_of_pid(pid_t pid, char *ret_text, size_t size);

#endif
