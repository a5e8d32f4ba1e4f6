/* The resolver: a detached thread per look-up that shares one reference-counted job with the loop and tells it
 * by an eventfd. */
#include "redis/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

/* Shared by the loop and the thread; the last of the two frees it. The thread writes found, count and error
 * before it sets done, the loop reads them only after it saw done. */
struct job {
    atomic_int holders;
    atomic_bool done;
    int event_fd;
    int error; /* of getaddrinfo */
    int error_number;
    size_t count;
    struct address found[ADDRESS_MAX];
    char port[8];
    char host[];
};

struct resolver {
    struct loop *loop;
    struct watcher watcher;          /* on the job's eventfd, while somebody wants the answer */
    struct timer deadline;           /* while somebody wants the answer */
    struct job *job;                 /* the look-up in flight, wanted or given up; NULL: none */
    struct job *instant;             /* an answer that needed no thread, told by `deadline` at the next turn */
    struct resolver_request request; /* host is not kept */
    char why[160];
};

static void job_drop(struct job *job) {
    if (job != NULL && atomic_fetch_sub(&job->holders, 1) == 1) {
        close(job->event_fd);
        free(job);
    }
}

static void job_look_up(struct job *job, int flags) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    errno = 0;
    job->error = getaddrinfo(job->host, job->port, &hints, &list);
    job->error_number = errno;
    if (job->error != 0 && errno == ENOMEM) {
        mem_exhausted(0); /* glibc calls that an unknown name, and may keep a lock that the next look waits for */
    }
    if (job->error != 0) {
        return;
    }
    for (struct addrinfo *at = list; at != NULL && job->count < ADDRESS_MAX; at = at->ai_next) {
        struct address *address = &job->found[job->count];
        if (at->ai_addrlen <= sizeof address->sock) {
            memcpy(&address->sock, at->ai_addr, at->ai_addrlen);
            address->size = at->ai_addrlen;
            job->count++;
        }
    }
    freeaddrinfo(list);
}

static void *run(void *context) {
    struct job *job = context;
    job_look_up(job, 0);
    atomic_store(&job->done, true);
    eventfd_write(job->event_fd, 1);
    job_drop(job);
    return NULL;
}

static struct job *job_new(const struct resolver_request *request) {
    int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0) {
        return NULL;
    }
    size_t size = strlen(request->host) + 1;
    struct job *job = xcalloc(1, sizeof *job + size);
    memcpy(job->host, request->host, size);
    snprintf(job->port, sizeof job->port, "%u", request->port);
    job->event_fd = event_fd;
    atomic_init(&job->holders, 1);
    return job;
}

/* The thread takes no signals: they belong to the loop's signalfd. */
static int start_thread(struct job *job) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_t detached;
    pthread_t thread;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    atomic_fetch_add(&job->holders, 1);
    int error = pthread_create(&thread, &detached, run, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
    if (error != 0) {
        atomic_fetch_sub(&job->holders, 1);
    }
    return error;
}

static void tell(struct resolver *resolver, const struct job *job) {
    struct resolver_request request = resolver->request;
    if (job == NULL) {
        request.on_done(request.context, NULL, 0, resolver->why);
        return;
    }
    const char *why = job->error == EAI_SYSTEM ? strerror(job->error_number) : gai_strerror(job->error);
    char text[160];
    snprintf(text, sizeof text, "the name of the host cannot be resolved (%s)", job->error != 0 ? why : "no address");
    request.on_done(request.context, job->found, job->count, job->count > 0 ? "" : text);
}

static void on_job_done(struct watcher *watcher, uint32_t events) {
    (void)events;
    struct resolver *resolver = container_of(watcher, struct resolver, watcher);
    if (!atomic_load(&resolver->job->done)) {
        return;
    }
    resolver_cancel(resolver);
    struct job *job = take_ptr(resolver->job);
    tell(resolver, job);
    job_drop(job);
}

static void on_deadline(struct timer *timer) {
    struct resolver *resolver = container_of(timer, struct resolver, deadline);
    struct job *instant = take_ptr(resolver->instant);
    resolver_cancel(resolver);
    tell(resolver, instant);
    job_drop(instant);
}

struct resolver *resolver_new(struct loop *loop) {
    struct resolver *resolver = xcalloc(1, sizeof *resolver);
    resolver->loop = loop;
    resolver->watcher.on_ready = on_job_done;
    resolver->deadline.on_due = on_deadline;
    return resolver;
}

void resolver_free(struct resolver *resolver) {
    if (resolver == NULL) {
        return;
    }
    resolver_cancel(resolver);
    job_drop(resolver->job);
    free(resolver);
}

void resolver_cancel(struct resolver *resolver) {
    watcher_stop(&resolver->watcher);
    timer_cancel(&resolver->deadline);
    job_drop(take_ptr(resolver->instant));
}

static void fail_soon(struct resolver *resolver, const char *what, int error) {
    snprintf(resolver->why, sizeof resolver->why, "%s: %s", what, strerror(error));
    timer_start(&resolver->deadline, resolver->loop, 0);
}

static void listen_to_job(struct resolver *resolver) {
    snprintf(resolver->why, sizeof resolver->why, "the name server has not answered for %lld ms",
             (long long)resolver->request.timeout_ms);
    watcher_start(&resolver->watcher, resolver->loop, resolver->job->event_fd, EPOLLIN);
    timer_start(&resolver->deadline, resolver->loop, resolver->request.timeout_ms);
}

/* True when the look-up in flight is for the same name; one that ended after it was given up is too old to use. */
static bool can_join(struct resolver *resolver, const struct resolver_request *request) {
    if (resolver->job != NULL && atomic_load(&resolver->job->done)) {
        job_drop(take_ptr(resolver->job));
    }
    return resolver->job != NULL && strcmp(resolver->job->host, request->host) == 0;
}

void resolver_start(struct resolver *resolver, const struct resolver_request *request) {
    resolver_cancel(resolver);
    resolver->request = *request;
    resolver->request.host = NULL;
    if (can_join(resolver, request)) {
        listen_to_job(resolver);
        return;
    }
    if (resolver->job != NULL) {
        fail_soon(resolver, "an earlier look-up is still under way", EBUSY);
        return;
    }
    struct job *job = job_new(request);
    if (job == NULL) {
        fail_soon(resolver, "cannot resolve the name of the host", errno);
        return;
    }
    job_look_up(job, AI_NUMERICHOST);
    if (job->count > 0) {
        resolver->instant = job;
        timer_start(&resolver->deadline, resolver->loop, 0);
        return;
    }
    int error = start_thread(job);
    if (error != 0) {
        job_drop(job);
        fail_soon(resolver, "cannot start a thread to resolve the name of the host", error);
        return;
    }
    resolver->job = job;
    listen_to_job(resolver);
}
