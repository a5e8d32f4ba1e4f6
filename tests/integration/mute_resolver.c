/* Preloaded into the daemon: a name server that never answers. Numbers resolve as ever; names wait for good. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdbool.h>
#include <unistd.h>

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

resolver getaddrinfo;
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    struct in6_addr number;
    bool is_number = node == NULL || inet_pton(AF_INET, node, &number) == 1 ||
                     inet_pton(AF_INET6, node, &number) == 1 ||
                     (hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0);
    while (!is_number) {
        pause();
    }
    return ((resolver *)dlsym(RTLD_NEXT, "getaddrinfo"))(node, service, hints, result);
}
