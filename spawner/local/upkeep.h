/* Keeps the files with agents' output small while they are written, and removes them when they are old. */
#ifndef SPAWNER_LOCAL_UPKEEP_H
#define SPAWNER_LOCAL_UPKEEP_H

#include "spawner/local/jobs.h"

struct upkeep {
    struct loop *loop;
    struct jobs *jobs;
    const char *output_dir;
    size_t max_output;      /* bytes on disk per job; 0: no limit */
    int64_t keep_output_ms; /* 0: for ever */
    struct timer trim_timer, expire_timer;
    bool trim_failed;
    bool trimmed; /* some file, in the last look */
};

/* The fields but for the timers are filled. Looks for old files from now on. */
void upkeep_start(struct upkeep *upkeep);
/* Looks at JOB's file now. */
void upkeep_trim(struct upkeep *upkeep, const struct job *job);
/* There is a job that writes: looks at the files of all, for as long as there is one: every second, and soon again where one
 * was too large. */
void upkeep_watch(struct upkeep *upkeep);
/* Other limits from now on. */
void upkeep_change(struct upkeep *upkeep, size_t max_output, int64_t keep_output_ms);
void upkeep_release(struct upkeep *upkeep);

#endif
