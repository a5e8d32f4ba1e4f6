/* The agent of run.py:  agent FIFO
 *
 * Writes "SIP_CALL_SID PID NANOSECONDS" to FIFO, the time being CLOCK_MONOTONIC at the first line of main: from then
 * on an agent's own code runs. Then it waits for SIGTERM. As a standby (SIP_STANDBY=1) it says READY=1 and waits for its line
 * instead; the time is that at which it has read it whole. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int say_ready(void) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (path == NULL || path[0] != '/' || strlen(path) >= sizeof to.sun_path || fd < 0) {
        return -1;
    }
    memcpy(to.sun_path, path, strlen(path));
    int sent = (int)sendto(fd, "READY=1", 7, 0, (const struct sockaddr *)&to, sizeof to);
    close(fd);
    return sent;
}

/* The call's sid, from its line; NULL: none came. */
static const char *wait_for_line(long long *ret_ns) {
    static char line[64 * 1024];
    size_t size = 0;
    while (size == 0 || line[size - 1] != '\n') {
        ssize_t got = read(STDIN_FILENO, line + size, sizeof line - 1 - size);
        if (got <= 0) {
            return NULL;
        }
        size += (size_t)got;
    }
    *ret_ns = now_ns();
    char *sid = strstr(line, "\"call_sid\":\"");
    return sid != NULL ? strtok(sid + 12, "\"") : NULL;
}

int main(int argc, char **argv) {
    long long at_ns = now_ns();
    const char *sid = getenv("SIP_CALL_SID");
    if (getenv("SIP_STANDBY") != NULL) {
        sid = say_ready() > 0 ? wait_for_line(&at_ns) : NULL;
        if (sid == NULL) {
            return 0;
        }
    }
    int fd = argc == 2 ? open(argv[1], O_WRONLY | O_CLOEXEC) : -1;
    if (fd < 0 || dprintf(fd, "%s %d %lld\n", sid != NULL ? sid : "-", (int)getpid(), at_ns) < 0) {
        return 1;
    }
    close(fd);
    pause();
    return 0;
}
