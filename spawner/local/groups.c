/* Groups that are over. A kill takes effect when those that are killed run next, and only an empty group can be removed:
 * hence the timer. */
#include "spawner/local/groups.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "spawner/local/entries.h"

enum { LOOK_SOON_MS = 10, LOOK_AGAIN_MS = 50, ROUNDS_MAX = 100 };

void groups_name(char ret_name[GROUP_NAME_SIZE], const char *label, const char *instance) {
    snprintf(ret_name, GROUP_NAME_SIZE, "%s.%s", label, instance);
}

struct search {
    const char *instance;
    char *name;
};

static void take_if_its(void *context, int directory, const char *name) {
    const struct search *search = context;
    const char *dot = strrchr(name, '.');
    (void)directory;
    if (dot != NULL && strcmp(dot + 1, search->instance) == 0 && strlen(name) < GROUP_NAME_SIZE) {
        snprintf(search->name, GROUP_NAME_SIZE, "%s", name);
    }
}

void groups_find(const struct cgroup *cgroup, const char *instance, char name[GROUP_NAME_SIZE]) {
    if (!cgroup_is_there(cgroup, name)) {
        entries_each(cgroup->path, take_if_its, &(struct search){instance, name});
    }
}

static struct group_over *find(const struct groups *groups, const char *name) {
    struct group_over *over;
    LIST_FOREACH(over, &groups->over, next) {
        if (strcmp(over->name, name) == 0) {
            return over;
        }
    }
    return NULL;
}

static void add(struct groups *groups, const char *name) {
    if (find(groups, name) != NULL) {
        return;
    }
    struct group_over *over = xcalloc(1, sizeof *over);
    snprintf(over->name, sizeof over->name, "%s", name);
    LIST_INSERT_HEAD(&groups->over, over, next);
}

static void look_in(struct groups *groups, int64_t delay_ms) {
    if (groups->again.loop == NULL) {
        timer_start(&groups->again, groups->loop, delay_ms);
    }
}

static void say_left(void *context, pid_t pid) {
    const struct log_about what = {.call = slice_of(context), .pid = pid};
    log_warning(&what, "a process that an agent of a former start left in its control group: SIGKILL to it");
}

/* The part of NAME after its last dot, if the mark says that it is of our state directory. */
static const char *our_instance(const struct groups *groups, const char *name) {
    const char *dot = strrchr(name, '.');
    size_t length = dot != NULL ? strlen(dot + 1) : 0, mark = strlen(groups->mark);
    bool fits = length == ENGINE_INSTANCE_SIZE - 1 && (size_t)(dot - name) <= ENGINE_LABEL_MAX && mark > 0 &&
                mark <= length && strcmp(dot + 1 + length - mark, groups->mark) == 0;
    return fits ? dot + 1 : NULL;
}

static void judge(void *context, int directory, const char *name) {
    struct groups *groups = context;
    const char *instance = our_instance(groups, name);
    (void)directory;
    if (instance == NULL || groups->is_alive(groups, instance) || find(groups, name) != NULL) {
        return;
    }
    cleanup_free char *label = xmemdup(name, (size_t)(instance - name) - 1);
    cgroup_each(groups->cgroup, name, say_left, label);
    add(groups, name);
}

static void remove_empty(struct groups *groups) {
    struct group_over *over = LIST_FIRST(&groups->over);
    while (over != NULL) {
        struct group_over *next = LIST_NEXT(over, next);
        (void)cgroup_kill(groups->cgroup, over->name);
        if (cgroup_remove(groups->cgroup, over->name)) {
            LIST_REMOVE(over, next);
            free(over);
        }
        over = next;
    }
}

static void forget_all(struct groups *groups) {
    while (!LIST_EMPTY(&groups->over)) {
        struct group_over *over = LIST_FIRST(&groups->over);
        LIST_REMOVE(over, next);
        free(over);
    }
}

static void on_again(struct timer *timer) {
    struct groups *groups = container_of(timer, struct groups, again);
    if (groups->look_through && groups->mark != NULL) {
        entries_each(groups->cgroup->path, judge, groups);
    }
    groups->look_through = false;
    remove_empty(groups);
    if (LIST_EMPTY(&groups->over)) {
        groups->rounds = 0;
    } else if (++groups->rounds < ROUNDS_MAX) {
        look_in(groups, LOOK_AGAIN_MS);
    } else {
        log_error(
            NULL,
            "control groups of agents that are over cannot be removed, %s for one: something in them waits in the "
            "kernel; they are looked for at the next start",
            LIST_FIRST(&groups->over)->name);
        forget_all(groups);
        groups->rounds = 0;
    }
}

void groups_init(struct groups *groups, const struct cgroup *cgroup, struct loop *loop, const char *mark) {
    groups->cgroup = cgroup;
    groups->loop = loop;
    groups->mark = mark;
    groups->again.on_due = on_again;
    LIST_INIT(&groups->over);
}

void groups_look_soon(struct groups *groups) {
    if (cgroup_is_used(groups->cgroup)) {
        groups->look_through = true;
        look_in(groups, LOOK_SOON_MS);
    }
}

struct left {
    const char *label;
    pid_t leader;
};

/* What is in the leader's process group was killed with it. */
static void say_moved(void *context, pid_t pid) {
    const struct left *left = context;
    if (pid != left->leader && getpgid(pid) != left->leader) {
        const struct log_about what = {.call = slice_of(left->label), .pid = pid};
        log_warning(&what, "the agent left a process behind in its control group: SIGKILL to it");
    }
}

bool groups_job_over(struct groups *groups, const char *label, const char *name, pid_t leader) {
    if (!cgroup_is_used(groups->cgroup)) {
        return false;
    }
    cgroup_each(groups->cgroup, name, say_moved, &(struct left){label, leader});
    if (cgroup_oom_kills(groups->cgroup, name) > 0) {
        const struct log_about what = {.call = slice_of(label), .pid = leader};
        log_error(&what, "the kernel killed the agent: its processes needed more memory than SIP_AGENT_MEMORY_MAX");
    }
    if (!cgroup_kill(groups->cgroup, name)) {
        return false;
    }
    add(groups, name);
    groups->rounds = 0;
    look_in(groups, LOOK_SOON_MS);
    return true;
}

bool groups_is_looking(const struct groups *groups) {
    return groups->again.loop != NULL;
}

void groups_release(struct groups *groups) {
    timer_cancel(&groups->again);
    forget_all(groups);
}
