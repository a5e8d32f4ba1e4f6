/* /proc/net/tcp gives the inode of the listening socket, /proc/PID/fd who holds it. */
#include "http/owner.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"

#define STATE_LISTEN 0x0A

static uint64_t inode_in(const char *table, int port) {
    FILE *file = fopen(table, "re");
    char line[512];
    uint64_t found = 0;
    while (file != NULL && found == 0 && fgets(line, sizeof line, file) != NULL) {
        unsigned local_port, state;
        uint64_t inode;
        /* sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode */
        if (sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*s %*s %" SCNu64, &local_port, &state,
                   &inode) == 3 &&
            (int)local_port == port && state == STATE_LISTEN) {
            found = inode;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

static bool has_socket(const char *pid, uint64_t inode) {
    char path[300], link[64], want[64];
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    snprintf(want, sizeof want, "socket:[%" PRIu64 "]", inode);
    DIR *fds = opendir(path);
    bool found = false;
    const struct dirent *entry;
    while (fds != NULL && !found && (entry = readdir(fds)) != NULL) {
        ssize_t length = readlinkat(dirfd(fds), entry->d_name, link, sizeof link - 1);
        link[length > 0 ? length : 0] = '\0';
        found = strcmp(link, want) == 0;
    }
    if (fds != NULL) {
        closedir(fds);
    }
    return found;
}

static pid_t holder(uint64_t inode) {
    DIR *processes = opendir("/proc");
    pid_t found = 0;
    const struct dirent *entry;
    while (processes != NULL && found == 0 && (entry = readdir(processes)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) && has_socket(entry->d_name, inode)) {
            found = (pid_t)strtol(entry->d_name, NULL, 10);
        }
    }
    if (processes != NULL) {
        closedir(processes);
    }
    return found;
}

void owner_of_pid(pid_t pid, char *ret_text, size_t size) {
    char path[64], name[64] = "";
    cleanup_buf struct buf escaped = {0};
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE *file = pid > 0 ? fopen(path, "re") : NULL;
    if (file == NULL) {
        snprintf(ret_text, size, "another process");
        return;
    }
    if (fgets(name, sizeof name, file) != NULL) {
        name[strcspn(name, "\n")] = '\0';
    }
    fclose(file);
    text_escape(&escaped, slice_of(name), sizeof name); /* a process names itself as it likes */
    snprintf(ret_text, size, "pid %d (%s)", (int)pid, escaped.len > 0 ? escaped.p : "?");
}

void owner_of_port(int port, char *ret_text, size_t size) {
    uint64_t inode = inode_in("/proc/net/tcp", port);
    if (inode == 0) {
        inode = inode_in("/proc/net/tcp6", port);
    }
    owner_of_pid(inode != 0 ? holder(inode) : 0, ret_text, size);
}
