/* The clean environment of an agent (design: "What an agent process gets"): a few names of ours, what the
 * operator lets through by name or glob, the entry's own, the call's. */
#ifndef SPAWNER_LOCAL_ENVIRON_H
#define SPAWNER_LOCAL_ENVIRON_H

#include "spawner/engine.h"
#include "spawner/local/strv.h"

#define ENVIRON_DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* What every agent gets from our environment VARS: PATH (or the default), HOME, LANG, TZ, and what a name or glob
 * in PASS (NULL-terminated, or NULL) lets through. A glob never lets out our secrets or what systemd told only us;
 * naming one of those in full does. */
void environ_base(struct strv *out, char *const *vars, char *const *pass);
/* BASE, PYTHONUNBUFFERED=1, JOB's env, its call_env, then SIP_INSTANCE and NOTIFY_SOCKET (NULL: none): later wins. */
void environ_build(struct strv *out, const struct strv *base, const struct engine_job *job, const char *notify_socket);

#endif
