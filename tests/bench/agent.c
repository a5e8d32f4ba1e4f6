/* The agent of run.py:  agent FIFO
 *
 * Writes "SIP_CALL_SID PID NANOSECONDS" to FIFO, the time being CLOCK_MONOTONIC at the first line of main: from then
 * on an agent's own code runs. Then it waits for SIGTERM. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const char *sid = getenv("SIP_CALL_SID");
    int fd = argc == 2 ? open(argv[1], O_WRONLY | O_CLOEXEC) : -1;
    if (fd < 0 || dprintf(fd, "%s %d %lld\n", sid != NULL ? sid : "-", (int)getpid(),
                          now.tv_sec * 1000000000LL + now.tv_nsec) < 0) {
        return 1;
    }
    close(fd);
    pause();
    return 0;
}
