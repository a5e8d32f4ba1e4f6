/* Orphans. A look walks our direct children only (/proc/self/task/TID/children), not the machine: what a killed
 * orphan had started becomes our child in turn and is found by the next look.
 * When a job ends, only the numbers of its session are asked for, which is cheap: hundreds may end in one turn, with
 * hundreds of orphans. The look that reads environments is one for all of them, a moment later.
 * A pid from that list stays the same process until it is reaped, and only this thread reaps: no race with reuse. */
#include "spawner/local/orphans.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "spawner/local/entries.h"
#include "spawner/local/proc.h"

/* LOOK_SOON_MS: so many exits share one look, and what was killed with a group is gone by then. */
enum { LOOK_SOON_MS = 10, LOOK_AGAIN_MS = 50, ROUNDS_MAX = 40 };

static void add_children(void *context, int directory, const char *task) {
    cleanup_free char *path = xasprintf("/proc/self/task/%s/children", task);
    (void)directory;
    proc_read(path, context);
}

/* The children of all our threads as decimal numbers, a blank after each. */
static void list_children(struct buf *out) {
    entries_each("/proc/self/task", add_children, out);
}

static const struct orphans_over *find_over(const struct orphans *orphans, const char *instance) {
    for (size_t i = 0; i < ORPHANS_REMEMBERED && i < orphans->over_next; i++) {
        if (strcmp(orphans->over[i].instance, instance) == 0) {
            return &orphans->over[i];
        }
    }
    return NULL;
}

static void kill_left_over(pid_t pid, const char *label) {
    struct log_about what = {.call = slice_of(label), .pid = pid};
    log_warning(&what, "the agent left a process behind that had moved out of its group: SIGKILL to it");
    kill(pid, SIGKILL);
}

static void report(struct orphans *orphans, pid_t pid) {
    for (size_t i = 0; i < ORPHANS_REPORTED; i++) {
        if (orphans->reported[i] == pid) {
            return;
        }
    }
    orphans->reported[orphans->reported_next++ % ORPHANS_REPORTED] = pid;
    char path[64];
    cleanup_buf struct buf name = {0};
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    proc_read(path, &name);
    if (name.len > 0 && name.p[name.len - 1] == '\n') {
        name.len--;
    }
    log_warning(&(struct log_about){.pid = pid},
                "an agent left the process %.*s behind, which of them cannot be told (no SIP_INSTANCE to be seen); "
                "it is left alone: end it by hand if it should not run",
                SLICE_ARG(buf_slice(&name)));
}

/* Judges one child by the session of LEADER, a zombie. What is in its group was killed with it. */
static bool judge_session(struct orphans *orphans, pid_t pid, pid_t leader) {
    if (orphans->is_leader(orphans, pid) || getsid(pid) != leader || getpgid(pid) == leader || proc_is_gone(pid)) {
        return false;
    }
    kill_left_over(pid, orphans->over[(orphans->over_next - 1) % ORPHANS_REMEMBERED].label);
    return true;
}

/* Judges one child by what it was started with. True when it was killed: what it started becomes ours. */
static bool judge(struct orphans *orphans, pid_t pid, pid_t unused) {
    char instance[ENGINE_INSTANCE_SIZE] = "";
    (void)unused;
    if (orphans->is_leader(orphans, pid) || proc_is_gone(pid)) {
        return false;
    }
    bool named = proc_instance(pid, instance);
    const struct orphans_over *over = named ? find_over(orphans, instance) : NULL;
    if (over != NULL && getpgid(pid) == over->leader) {
        return true; /* it was killed with its group and is about to go */
    }
    if (over != NULL) {
        kill_left_over(pid, over->label);
        return true;
    }
    bool unknown = named ? !orphans->is_alive(orphans, instance) : !orphans->is_leader(orphans, getsid(pid));
    if (unknown && !orphans->is_grouped(orphans, pid)) {
        report(orphans, pid);
    }
    return false;
}

typedef bool judge_child(struct orphans *orphans, pid_t pid, pid_t leader);

/* One look at all children; how many were killed. */
static unsigned look(struct orphans *orphans, judge_child *judge_one, pid_t leader) {
    unsigned killed = 0;
    cleanup_buf struct buf children = {0};
    list_children(&children);
    for (const char *at = children.p; at != NULL && *at != '\0';) {
        char *end;
        long pid = strtol(at, &end, 10);
        if (end == at) {
            break;
        }
        killed += judge_one(orphans, (pid_t)pid, leader) ? 1 : 0;
        at = end;
    }
    return killed;
}

static void look_soon(struct orphans *orphans) {
    if (orphans->again.loop == NULL) {
        timer_start(&orphans->again, orphans->loop, LOOK_SOON_MS);
    }
}

static void look_again(struct orphans *orphans) {
    if (orphans->rounds < ROUNDS_MAX) {
        orphans->rounds++;
        timer_start(&orphans->again, orphans->loop, LOOK_AGAIN_MS);
        return;
    }
    log_error(NULL,
              "processes that agents left behind are still there after %d rounds of SIGKILL; "
              "they are looked for again when the next agent ends",
              ROUNDS_MAX);
}

static void on_again(struct timer *timer) {
    struct orphans *orphans = container_of(timer, struct orphans, again);
    if (look(orphans, judge, 0) > 0) {
        look_again(orphans);
    } else {
        orphans->rounds = 0;
    }
}

void orphans_init(struct orphans *orphans, struct loop *loop) {
    orphans->loop = loop;
    orphans->again.on_due = on_again;
}

void orphans_remember(struct orphans *orphans, const char *label, const char *instance, pid_t pid) {
    struct orphans_over *over = &orphans->over[orphans->over_next++ % ORPHANS_REMEMBERED];
    snprintf(over->label, sizeof over->label, "%s", label);
    snprintf(over->instance, sizeof over->instance, "%s", instance);
    orphans->rounds = 0;
    over->leader = pid;
    look_soon(orphans);
}

void orphans_job_over(struct orphans *orphans, const char *label, const char *instance, pid_t pid) {
    orphans_remember(orphans, label, instance, pid);
    look(orphans, judge_session, pid);
}

void orphans_look_soon(struct orphans *orphans) {
    if (orphans->over_next > 0) {
        look_soon(orphans);
    }
}

bool orphans_is_looking(const struct orphans *orphans) {
    return orphans->again.loop != NULL;
}

void orphans_release(struct orphans *orphans) {
    timer_cancel(&orphans->again);
}
