/* Socket addresses of paths. */
#include "redis/address.h"

#include <stddef.h>
#include <string.h>
#include <sys/un.h>

bool address_of_path(const char *path, struct address *ret_address) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size >= sizeof name.sun_path) {
        return false;
    }
    memcpy(name.sun_path, path, size + 1);
    *ret_address = (struct address){.size = sizeof name};
    memcpy(&ret_address->sock, &name, sizeof name);
    return true;
}
