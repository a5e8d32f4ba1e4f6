/* The way a process is ended, rung by rung (design: "During and ending a call", rule 2): left alone for a while,
 * SIGTERM, a while, SIGKILL. Pure: it says what to do and when to ask again. */
#ifndef SPAWNER_LOCAL_LADDER_H
#define SPAWNER_LOCAL_LADDER_H

#include "base/clock.h"
#include "spawner/engine.h"

enum ladder_rung { LADDER_RUNNING, LADDER_AFTER_CALL, LADDER_TERMINATING, LADDER_KILLING };
enum ladder_action { LADDER_WAIT, LADDER_TERM, LADDER_KILL };

struct ladder {
    enum ladder_rung rung;
    mono_ms term_at, kill_at; /* MONO_NEVER while nobody asked; term_at <= kill_at */
};

void ladder_init(struct ladder *ladder);
/* The wish to stop, maybe repeated: no moment ever gets later by it. */
void ladder_stop(struct ladder *ladder, mono_ms now, const struct engine_stop *stop);
/* What to do now; a step is said once. Ask until it says LADDER_WAIT. */
enum ladder_action ladder_next(struct ladder *ladder, mono_ms now);
/* When to ask again; MONO_NEVER: only after a stop. */
mono_ms ladder_deadline(const struct ladder *ladder);
/* "running", "after-call", "terminating", "killing" */
const char *ladder_name(const struct ladder *ladder);

#endif
