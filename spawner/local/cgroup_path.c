/* Of the mounts of version 2 the first counts that shows the group: all show the same hierarchy. */
#include "spawner/local/cgroup_path.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "spawner/local/proc.h"

enum { ROOT_FIELD = 3, POINT_FIELD = 4 };

static struct slice line_at(const char *at) {
    return (struct slice){at, strcspn(at, "\n")};
}

/* The INDEXth of the words of LINE; empty when there are fewer. */
static struct slice word_of(struct slice line, int index) {
    const char *at = line.p, *end = line.p + line.n;
    for (; index > 0 && at < end; index--) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        at = blank != NULL ? blank + 1 : end;
    }
    const char *stop = at < end ? memchr(at, ' ', (size_t)(end - at)) : end;
    return (struct slice){at, (size_t)((stop != NULL ? stop : end) - at)};
}

static bool is_cgroup2(struct slice line) {
    return memmem(line.p, line.n, " - cgroup2 ", strlen(" - cgroup2 ")) != NULL &&
           slice_starts(word_of(line, ROOT_FIELD), SLICE("/")) && slice_starts(word_of(line, POINT_FIELD), SLICE("/"));
}

/* The group in version 2's line, "0::/path"; a removed one ends with a remark. */
static struct slice group_in(const char *cgroup) {
    for (const char *at = cgroup; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n') {
        if (strncmp(at, "0::/", 4) == 0) {
            struct slice line = line_at(at);
            return slice_after(line, 3);
        }
    }
    return (struct slice){0};
}

/* GROUP seen from a mount whose root is ROOT: what comes after it, "" for the root itself. NULL: it is not below. */
static char *below(struct slice root, struct slice group) {
    size_t skip = root.n == 1 ? 0 : root.n;
    if (group.n < root.n || memcmp(root.p, group.p, root.n) != 0 ||
        (skip > 0 && group.n > skip && group.p[skip] != '/')) {
        return NULL;
    }
    struct slice rest = {group.p + skip, group.n - skip};
    return rest.n == 1 ? xstrdup("") : xmemdup(rest.p, rest.n);
}

char *cgroup_path(const char *mountinfo, const char *cgroup) {
    struct slice group = group_in(cgroup);
    for (const char *at = mountinfo; group.n > 0 && *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n') {
        struct slice line = line_at(at), point = word_of(line, POINT_FIELD);
        cleanup_free char *rest = is_cgroup2(line) ? below(word_of(line, ROOT_FIELD), group) : NULL;
        if (rest != NULL) {
            return xasprintf("%.*s%s", SLICE_ARG(point), rest);
        }
    }
    return NULL;
}

char *cgroup_path_own(void) {
    cleanup_buf struct buf mounts = {0}, groups = {0};
    bool known = proc_read("/proc/self/mountinfo", &mounts) && proc_read("/proc/self/cgroup", &groups) &&
                 mounts.len > 0 && groups.len > 0;
    return known ? cgroup_path(mounts.p, groups.p) : NULL;
}

char *cgroup_of(pid_t pid) {
    cleanup_buf struct buf text = {0};
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    struct slice group = proc_read(path, &text) && text.len > 0 ? group_in(text.p) : (struct slice){0};
    return group.n > 0 ? xmemdup(group.p, group.n) : NULL;
}
