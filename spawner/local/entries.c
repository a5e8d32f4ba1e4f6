/* The one place that reads directories. */
#include "spawner/local/entries.h"

#include <dirent.h>
#include <stddef.h>
#include <string.h>

/* glibc's readdir is safe as long as no two threads share a stream (readdir(3)); readdir_r is deprecated. */
static const char *next_name(DIR *dir) {
    struct dirent *entry = readdir(dir); /* NOLINT(concurrency-mt-unsafe) */
    return entry != NULL ? entry->d_name : NULL;
}

bool entries_each(const char *path, entries_visit *each, void *context) {
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return false;
    }
    for (const char *name = next_name(dir); name != NULL; name = next_name(dir)) {
        bool is_dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
        if (!is_dots) {
            each(context, dirfd(dir), name);
        }
    }
    closedir(dir);
    return true;
}
