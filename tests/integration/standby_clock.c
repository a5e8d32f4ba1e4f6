/* A standby that notes when it has its line: nanoseconds of CLOCK_MONOTONIC in $AGENT_OUT/PID.clock. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void say_ready(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '@' ? 0 : 1));
    sendto(fd, "READY=1", 7, 0, (const struct sockaddr *)&address, size);
    close(fd);
}

static void note(const struct timespec *at) {
    char part[4096], path[4096];
    snprintf(part, sizeof part, "%s/%d.part", getenv("AGENT_OUT"), (int)getpid());
    snprintf(path, sizeof path, "%s/%d.clock", getenv("AGENT_OUT"), (int)getpid());
    FILE *file = fopen(part, "we");
    if (file != NULL) {
        fprintf(file, "%lld\n", (long long)at->tv_sec * 1000000000 + at->tv_nsec);
        fclose(file);
        rename(part, path);
    }
}

int main(void) {
    static char line[65536];
    struct timespec at;
    if (getenv("SIP_STANDBY") != NULL) {
        say_ready(getenv("NOTIFY_SOCKET"));
    }
    ssize_t size = read(STDIN_FILENO, line, sizeof line);
    clock_gettime(CLOCK_MONOTONIC, &at);
    if (size <= 0) {
        return 0;
    }
    note(&at);
    pause();
    return 0;
}
