/* Handing a job over. The line is written before anything else is done: a caller waits for it. */
#include "spawner/local/hand_over.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "spawner/local/output.h"

static struct log_about about(const struct job *job) {
    return (struct log_about){.call = slice_of(job->label), .agent = slice_of(job->agent), .pid = job->pid};
}

bool hand_over_can(const struct job *job) {
    return job->line_state == LINE_AWAITED && job->pid != 0 && job->ladder.rung == LADDER_RUNNING &&
           child_look(job->exit.pidfd) == CHILD_RUNS && child_listens(job->in);
}

void hand_over_queue(struct job *job, const struct engine_job *order) {
    job->line_state = LINE_QUEUED;
    free(job->agent);
    free(job->line);
    free(job->secret);
    job->agent = xstrdup(order->agent != NULL ? order->agent : "");
    job->line = xmemdup(order->line.p, order->line.n);
    job->secret = xmemdup(order->secret.p, order->secret.n);
}

static void on_take_due(struct timer *timer) {
    struct job *job = container_of(timer, struct job, take_timer);
    if (job->line_state != LINE_SENT || job->ladder.rung != LADDER_RUNNING) {
        return;
    }
    if (!child_left_line(job->in)) {
        job->line_state = LINE_GIVEN;
        return;
    }
    struct log_about what = about(job);
    log_warning(&what,
                "the standby of agent %s did not read its call's line within %d ms: another process gets the call",
                job->agent, HAND_OVER_MS);
    job->host->on_not_taken(job);
}

static void take_output(const struct job *job) {
    struct diag diag = {0};
    if (!output_take(job->host->output_dir, job->own_label, job->label, &diag)) {
        struct log_about what = about(job);
        log_error(&what, "what the agent writes stays in %s.log: %s %s", job->own_label, diag.where, diag.what);
    }
}

bool hand_over_tell(struct job *job) {
    bool told = child_tell(job->in, slice_of(job->line));
    explicit_bzero(job->line, strlen(job->line));
    free(take_ptr(job->line));
    job->line_state = LINE_SENT;
    if (!told) {
        return false;
    }
    take_output(job);
    job->take_timer.on_due = on_take_due;
    timer_start(&job->take_timer, job->host->loop, HAND_OVER_MS);
    return true;
}

bool hand_over_is_lost(const struct job *job) {
    bool on_its_way = job->line_state == LINE_QUEUED || (job->line_state == LINE_SENT && child_left_line(job->in));
    return on_its_way && job->ladder.rung == LADDER_RUNNING;
}
