/* The address of one Redis server, ready for connect(2): what a name resolves to, or the path of a socket. */
#ifndef REDIS_ADDRESS_H
#define REDIS_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

enum { ADDRESS_MAX = 16 };

struct address {
    struct sockaddr_storage sock;
    socklen_t size;
};

/* False when PATH is too long for a socket address (107 bytes). */
bool address_of_path(const char *path, struct address *ret_address) __attribute__((warn_unused_result));

#endif
