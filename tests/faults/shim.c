/* Preloaded into the daemon by the tests of faults, and into nothing else:  LD_PRELOAD=shim.so FAULTS=FILE
 *
 * FILE holds a struct control, which the test and the daemon share. Every call of a function below is counted under its
 * kind. From the call number AT of the chosen kind on, COUNT calls fail with ERROR, or the daemon is killed before the
 * first of them. Nothing is counted while ARMED is 0: so a test can begin when the daemon serves. Children of the daemon that
 * did not become another program yet are left alone. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* `any` is every call but those of memory; `quiet` are those that no test makes fail on its own. Their order is known
 * to faulty.py. */
#define KINDS(X)    \
    X(any)          \
    X(memory)       \
    X(open)         \
    X(read)         \
    X(write)        \
    X(send)         \
    X(receive)      \
    X(rename)       \
    X(remove)       \
    X(mkdir)        \
    X(truncate)     \
    X(stat)         \
    X(sync)         \
    X(socket)       \
    X(accept)       \
    X(connect)      \
    X(epoll_create) \
    X(epoll_ctl)    \
    X(epoll_wait)   \
    X(pidfd_open)   \
    X(signal)       \
    X(waitid)       \
    X(spawn)        \
    X(thread)       \
    X(inotify)      \
    X(signalfd)     \
    X(fcntl)        \
    X(quiet)

enum kind {
#define X(name) KIND_##name,
    KINDS(X)
#undef X
        KIND_COUNT
};

struct control {
    atomic_uint armed;
    uint32_t kind;
    uint64_t at, count;
    int32_t error, kills; /* errno */
    atomic_ulong failed;  /* calls that were made to fail; 1 when it was killed */
    char asker[128];      /* path of what asked for the memory that was refused: the daemon or a library */
    atomic_ulong calls[KIND_COUNT];
};

static struct control none, *control = &none;
static pid_t daemon_pid;

static bool hits(enum kind kind) {
    uint64_t number = atomic_fetch_add(&control->calls[kind], 1) + 1;
    return control->kind == (uint32_t)kind && number >= control->at && number - control->at < control->count;
}

/* True when this call is to fail; errno is set. */
static bool fails(enum kind kind) {
    if (atomic_load(&control->armed) == 0 || getpid() != daemon_pid) {
        return false;
    }
    bool chosen = hits(kind);
    if (kind != KIND_memory && hits(KIND_any)) {
        chosen = true;
    }
    if (!chosen) {
        return false;
    }
    atomic_fetch_add(&control->failed, 1);
    if (control->kills != 0) {
        syscall(SYS_kill, daemon_pid, SIGKILL);
    }
    errno = control->error;
    return true;
}

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("FAULTS");
    int fd = path != NULL ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    void *shared = fd >= 0 ? mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (shared == MAP_FAILED) {
        _exit(99);
    }
    syscall(SYS_close, fd);
    daemon_pid = getpid();
    control = shared;
}

/* A connection that broke once stays broken. */
static bool breaks(enum kind kind, int fd) {
    bool broken = fails(kind);
    if (broken) {
        int error = errno;
        syscall(SYS_shutdown, fd, SHUT_RDWR);
        errno = error;
    }
    return broken;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A function of fixed arguments: TYPE NAME PARAMETERS, which counts as KIND, returns FAILED when it is made to fail, and is
 * called with ARGUMENTS otherwise. */
#define WRAP(kind, type, failed, name, parameters, arguments) \
    WRAP_IF(fails(KIND_##kind), type, failed, name, parameters, arguments)
/* The same of a function that has a socket FD. */
#define WRAP_STREAM(kind, name, parameters, arguments) \
    WRAP_IF(breaks(KIND_##kind, fd), ssize_t, -1, name, parameters, arguments)
#define WRAP_IF(fails, type, failed, name, parameters, arguments) \
    type name parameters {                                        \
        static __typeof__(&name) real;                            \
        if (real == NULL) {                                       \
            real = REAL(name);                                    \
        }                                                         \
        return (fails) ? (failed) : real arguments;               \
    }

/* ---- files ---- */

static mode_t mode_of(int flags, va_list args) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return fails(KIND_open) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int openat(int parent, const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_of(flags, args);
    va_end(args);
    return fails(KIND_open) ? -1 : (int)syscall(SYS_openat, parent, path, flags, mode);
}

WRAP(open, FILE *, NULL, fopen, (const char *path, const char *mode), (path, mode))
WRAP(open, DIR *, NULL, opendir, (const char *path), (path))
WRAP(read, ssize_t, -1, read, (int fd, void *to, size_t size), (fd, to, size))
WRAP(read, ssize_t, -1, pread, (int fd, void *to, size_t size, off_t at), (fd, to, size, at))
WRAP(write, ssize_t, -1, write, (int fd, const void *from, size_t size), (fd, from, size))
WRAP(rename, int, -1, rename, (const char *from, const char *to), (from, to))
WRAP(rename, int, -1, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(rename, int, -1, renameat2, (int a, const char *from, int b, const char *to, unsigned f), (a, from, b, to, f))
WRAP(remove, int, -1, unlink, (const char *path), (path))
WRAP(remove, int, -1, unlinkat, (int parent, const char *path, int flags), (parent, path, flags))
WRAP(mkdir, int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(mkdir, int, -1, mkdirat, (int parent, const char *path, mode_t mode), (parent, path, mode))
WRAP(truncate, int, -1, ftruncate, (int fd, off_t size), (fd, size))
WRAP(truncate, int, -1, fallocate, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
WRAP(stat, int, -1, fstat, (int fd, struct stat *to), (fd, to))
WRAP(stat, int, -1, stat, (const char *path, struct stat *to), (path, to))
WRAP(stat, int, -1, lstat, (const char *path, struct stat *to), (path, to))
WRAP(stat, int, -1, fstatat, (int parent, const char *path, struct stat *to, int flags), (parent, path, to, flags))
WRAP(sync, int, -1, fsync, (int fd), (fd))
WRAP(quiet, int, -1, access, (const char *path, int mode), (path, mode))
WRAP(quiet, int, -1, faccessat, (int parent, const char *path, int mode, int flags), (parent, path, mode, flags))
WRAP(quiet, off_t, -1, lseek, (int fd, off_t to, int whence), (fd, to, whence))
WRAP(quiet, ssize_t, -1, readlink, (const char *path, char *to, size_t size), (path, to, size))

/* A descriptor is gone after close(), whatever it returns (close(2)). */
int close(int fd) {
    bool failed = fails(KIND_quiet);
    int result = (int)syscall(SYS_close, fd);
    return failed ? -1 : result;
}

int fcntl(int fd, int command, ...) {
    va_list args;
    va_start(args, command);
    void *argument = va_arg(args, void *);
    va_end(args);
    return fails(KIND_fcntl) ? -1 : (int)syscall(SYS_fcntl, fd, command, argument);
}

/* ---- sockets, and what is watched ---- */

WRAP(socket, int, -1, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(socket, int, -1, socketpair, (int domain, int type, int protocol, int pair[2]), (domain, type, protocol, pair))
WRAP(socket, int, -1, pipe2, (int pair[2], int flags), (pair, flags))
WRAP(socket, int, -1, eventfd, (unsigned value, int flags), (value, flags))
WRAP(accept, int, -1, accept4, (int fd, struct sockaddr *from, socklen_t *size, int flags), (fd, from, size, flags))
WRAP(connect, int, -1, connect, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size))
WRAP_STREAM(send, send, (int fd, const void *from, size_t size, int flags), (fd, from, size, flags))
WRAP_STREAM(send, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
WRAP_STREAM(send, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
WRAP_STREAM(send, sendto,
            (int fd, const void *from, size_t size, int flags, const struct sockaddr *to, socklen_t to_size),
            (fd, from, size, flags, to, to_size))
WRAP_STREAM(receive, recv, (int fd, void *to, size_t size, int flags), (fd, to, size, flags))
WRAP_STREAM(receive, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
WRAP(quiet, int, -1, bind, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size))
WRAP(quiet, int, -1, listen, (int fd, int backlog), (fd, backlog))
WRAP(quiet, int, -1, shutdown, (int fd, int how), (fd, how))
WRAP(quiet, int, -1, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
     (fd, level, name, value, size))
WRAP(epoll_create, int, -1, epoll_create1, (int flags), (flags))
WRAP(epoll_ctl, int, -1, epoll_ctl, (int fd, int operation, int on, struct epoll_event *event),
     (fd, operation, on, event))
WRAP(epoll_wait, int, -1, epoll_wait, (int fd, struct epoll_event *to, int count, int ms), (fd, to, count, ms))
WRAP(quiet, int, -1, poll, (struct pollfd * fds, nfds_t count, int ms), (fds, count, ms))
WRAP(signalfd, int, -1, signalfd, (int fd, const sigset_t *signals, int flags), (fd, signals, flags))
WRAP(inotify, int, -1, inotify_init1, (int flags), (flags))
WRAP(inotify, int, -1, inotify_add_watch, (int fd, const char *path, uint32_t events), (fd, path, events))
WRAP(quiet, int, -1, inotify_rm_watch, (int fd, int watch), (fd, watch))

/* ---- processes ---- */

WRAP(signal, int, -1, kill, (pid_t pid, int number), (pid, number))
WRAP(signal, int, -1, killpg, (pid_t group, int number), (group, number))
WRAP(waitid, int, -1, waitid, (idtype_t type, id_t id, siginfo_t *info, int options), (type, id, info, options))
WRAP(spawn, pid_t, -1, _Fork, (void), ())
WRAP(spawn, int, errno, posix_spawn,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
      char *const argv[], char *const environment[]),
     (pid, path, actions, attributes, argv, environment))
WRAP(thread, int, errno, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument),
     (thread, attributes, run, argument))

int pidfd_open(pid_t pid, unsigned flags) {
    return fails(KIND_pidfd_open) ? -1 : (int)syscall(SYS_pidfd_open, pid, flags);
}

int pidfd_send_signal(int fd, int number, siginfo_t *info, unsigned flags) {
    return fails(KIND_signal) ? -1 : (int)syscall(SYS_pidfd_send_signal, fd, number, info, flags);
}

/* ---- memory: glibc's own names, for dlsym() itself allocates ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

#ifdef WITH_MEMORY
static bool starves(void *caller) {
    if (!fails(KIND_memory)) {
        return false;
    }
    Dl_info info;
    if (dladdr(caller, &info) != 0) {
        strncpy(control->asker, info.dli_fname, sizeof control->asker - 1);
    }
    errno = control->error;
    return true;
}
#define STARVES starves(__builtin_return_address(0))

void *malloc(size_t size) {
    return STARVES ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return STARVES ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    return STARVES ? NULL : __libc_realloc(old, size);
}

int posix_memalign(void **ret_block, size_t alignment, size_t size) {
    void *block = STARVES ? NULL : __libc_memalign(alignment, size);
    if (block == NULL) {
        return ENOMEM;
    }
    *ret_block = block;
    return 0;
}
#endif
