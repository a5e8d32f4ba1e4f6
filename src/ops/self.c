/* /proc/self, getrusage(2), getrlimit(2). */
#include "ops/self.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* statm: pages in all, pages that are resident, … */
static void look_at_memory(struct self *self) {
    int64_t all, resident;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return;
    }
    if (fscanf(file, "%" SCNd64 " %" SCNd64, &all, &resident) == 2) {
        self->virtual_bytes = all * sysconf(_SC_PAGESIZE);
        self->resident_bytes = resident * sysconf(_SC_PAGESIZE);
    }
    fclose(file);
}

/* Since Linux 6.2 the directory's size is their number; before that they are counted. */
static int64_t count_fds(void) {
    struct stat st;
    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0) {
        return st.st_size;
    }
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        return -1;
    }
    int64_t count = -3; /* ".", "..", and the directory itself */
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count;
}

static int64_t us_of(struct timeval time) {
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

void self_look(struct self *ret_self) {
    struct rlimit limit;
    struct rusage usage;
    *ret_self = (struct self){-1, -1, -1, -1, -1};
    look_at_memory(ret_self);
    ret_self->fds = count_fds();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        ret_self->max_fds = (int64_t)limit.rlim_cur;
    }
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        ret_self->cpu_us = us_of(usage.ru_utime) + us_of(usage.ru_stime);
    }
}
