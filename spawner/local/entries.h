/* Walks a directory. */
#ifndef SPAWNER_LOCAL_ENTRIES_H
#define SPAWNER_LOCAL_ENTRIES_H

#include <stdbool.h>

typedef void entries_visit(void *context, int directory, const char *name);

/* Calls EACH with the name of every entry but "." and "..", and a descriptor of the directory at PATH. EACH may remove
 * the entry. A directory that cannot be read has none: false, with errno. */
bool entries_each(const char *path, entries_visit *each, void *context);

#endif
