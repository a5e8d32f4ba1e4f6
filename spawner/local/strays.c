/* Strays. A process is held by a pidfd before it is judged, so that the signal reaches it or nobody.
 * The number of a session is not given to a new process while a member lives. So a member is the agent's own if no other
 * process has that number now, and it was there before the agent was seen to be gone. */
#include "spawner/local/strays.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "spawner/local/proc.h"

enum { LOOK_SOON_MS = 10, LOOK_AGAIN_MS = 50, ROUNDS_MAX = 40 };

static bool has_mark(const struct strays *strays, const char *instance) {
    size_t length = strlen(instance), mark = strays->mark != NULL ? strlen(strays->mark) : 0;
    return mark > 0 && length >= mark && strcmp(instance + length - mark, strays->mark) == 0;
}

static bool is_reused(const struct strays_over *over) {
    struct proc_stat leader;
    return proc_stat(over->leader, &leader) && leader.birth != over->birth;
}

/* Whose session PID is in, of the adopted jobs that are over; NULL: nobody's. */
static const struct strays_over *find_session(const struct strays *strays, pid_t pid) {
    struct proc_stat stat;
    pid_t session = getsid(pid);
    for (size_t i = 0; i < STRAYS_REMEMBERED && i < strays->over_next; i++) {
        const struct strays_over *over = &strays->over[i];
        if (over->leader == session && proc_stat(pid, &stat) && stat.birth <= over->over_at && !is_reused(over)) {
            return over;
        }
    }
    return NULL;
}

static void kill_stray(struct strays *strays, int pidfd) {
    pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    strays->killed++;
}

static void judge(void *context, pid_t pid) {
    struct strays *strays = context;
    char instance[ENGINE_INSTANCE_SIZE];
    cleanup_fd int pidfd = proc_open(pid);
    if (pidfd < 0 || proc_is_gone(pid)) {
        return;
    }
    struct log_about about = {.pid = pid};
    bool named = proc_instance(pid, instance);
    if (named && has_mark(strays, instance) && !strays->is_alive(strays, instance)) {
        log_warning(&about, "a process that an agent of a former start left, of no call that is known: SIGKILL to it");
        kill_stray(strays, pidfd);
        return;
    }
    const struct strays_over *over = !named ? find_session(strays, pid) : NULL;
    if (over != NULL) {
        about.call = slice_of(over->label);
        log_warning(&about, "the agent left a process behind that hides its environment: SIGKILL to it");
        kill_stray(strays, pidfd);
    }
}

static void look_again(struct strays *strays) {
    if (strays->rounds++ < ROUNDS_MAX) {
        timer_start(&strays->again, strays->loop, LOOK_AGAIN_MS);
        return;
    }
    log_error(NULL, "processes that agents left behind are still there after %d rounds of SIGKILL", ROUNDS_MAX);
    strays->over_next = 0;
}

static void on_again(struct timer *timer) {
    struct strays *strays = container_of(timer, struct strays, again);
    strays->killed = 0;
    proc_each(judge, strays);
    if (strays->killed > 0) {
        look_again(strays);
    } else {
        strays->over_next = 0; /* their numbers may be anybody's from now on */
    }
}

void strays_init(struct strays *strays, struct loop *loop, const char *mark) {
    strays->loop = loop;
    strays->mark = mark;
    strays->again.on_due = on_again;
}

void strays_look_soon(struct strays *strays) {
    strays->rounds = 0;
    if (strays->again.loop == NULL) {
        timer_start(&strays->again, strays->loop, LOOK_SOON_MS);
    }
}

void strays_job_over(struct strays *strays, const char *label, pid_t pid, uint64_t birth) {
    struct strays_over *over = &strays->over[strays->over_next++ % STRAYS_REMEMBERED];
    *over = (struct strays_over){.leader = pid, .birth = birth, .over_at = proc_now()};
    snprintf(over->label, sizeof over->label, "%s", label);
    strays_look_soon(strays);
}

bool strays_is_looking(const struct strays *strays) {
    return strays->again.loop != NULL;
}

void strays_release(struct strays *strays) {
    timer_cancel(&strays->again);
}
