/* Output files: cut above SIP_LOG_MAX, removed after SIP_LOG_KEEP. */
#include "spawner/local/upkeep.h"

#include "base/log.h"
#include "base/mem.h"
#include "spawner/local/output.h"

enum { TRIM_MS = 1000, TRIM_SOON_MS = 50, EXPIRE_MS = 3600 * 1000 };

void upkeep_trim(struct upkeep *upkeep, const struct job *job) {
    enum output_trim done =
        upkeep->max_output > 0 ? output_trim(upkeep->output_dir, job->label, upkeep->max_output) : OUTPUT_FITS;
    upkeep->trimmed = upkeep->trimmed || done == OUTPUT_TRIMMED;
    if (done == OUTPUT_STAYS && !upkeep->trim_failed) {
        upkeep->trim_failed = true;
        log_warning(NULL,
                    "%s: this file system cannot cut files (%m): output grows past SIP_LOG_MAX; use ext4, xfs or tmpfs",
                    upkeep->output_dir);
    }
}

static bool trim_one(struct job *job, void *context) {
    if (job->pid != 0) {
        upkeep_trim(context, job);
    }
    return true;
}

static void on_trim(struct timer *timer) {
    struct upkeep *upkeep = container_of(timer, struct upkeep, trim_timer);
    upkeep->trimmed = false;
    jobs_each(upkeep->jobs, trim_one, upkeep);
    if (upkeep->jobs->count > 0) { /* what floods fills a disk within seconds */
        timer_start(timer, upkeep->loop, upkeep->trimmed ? TRIM_SOON_MS : TRIM_MS);
    }
}

static void on_expire(struct timer *timer) {
    struct upkeep *upkeep = container_of(timer, struct upkeep, expire_timer);
    unsigned removed = output_expire(upkeep->output_dir, upkeep->keep_output_ms, clock_wall_ms());
    if (removed > 0) {
        log_info(NULL, "removed %u output files of agents older than SIP_LOG_KEEP", removed);
    }
    timer_start(timer, upkeep->loop, EXPIRE_MS);
}

void upkeep_start(struct upkeep *upkeep) {
    upkeep->trim_timer.on_due = on_trim;
    upkeep->expire_timer.on_due = on_expire;
    if (upkeep->keep_output_ms > 0) {
        timer_start(&upkeep->expire_timer, upkeep->loop, 0);
    }
}

void upkeep_watch(struct upkeep *upkeep) {
    if (upkeep->trim_timer.loop == NULL) {
        timer_start(&upkeep->trim_timer, upkeep->loop, TRIM_MS);
    }
}

void upkeep_change(struct upkeep *upkeep, size_t max_output, int64_t keep_output_ms) {
    upkeep->max_output = max_output;
    upkeep->keep_output_ms = keep_output_ms;
    timer_cancel(&upkeep->expire_timer);
    if (keep_output_ms > 0) {
        timer_start(&upkeep->expire_timer, upkeep->loop, 0);
    }
}

void upkeep_release(struct upkeep *upkeep) {
    timer_cancel(&upkeep->trim_timer);
    timer_cancel(&upkeep->expire_timer);
}
