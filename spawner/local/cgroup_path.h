/* Where the control group (v2) of a process is to be found in the file system. Strings are for free(). */
#ifndef SPAWNER_LOCAL_CGROUP_PATH_H
#define SPAWNER_LOCAL_CGROUP_PATH_H

#include <sys/types.h>

/* From the texts of mountinfo and cgroup in /proc/PID (proc_pid_mountinfo(5), cgroups(7)); NULL: nowhere. */
char *cgroup_path(const char *mountinfo, const char *cgroup);
char *cgroup_path_own(void);
/* The group of PID as the kernel names it, "/a/b", wherever it is mounted; NULL: gone, or in none. */
char *cgroup_of(pid_t pid);

#endif
