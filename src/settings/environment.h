/* The process's environment, taken over at the start: anyone of our uid can read /proc/PID/environ, so the secrets
 * in it are wiped where they stand. */
#ifndef SETTINGS_ENVIRONMENT_H
#define SETTINGS_ENVIRONMENT_H

/* Copies the environment, then overwrites the values of secrets in the original and takes them out of it; forbids
 * core dumps and ptrace by others of our uid (PR_SET_DUMPABLE 0). The first act of main. The copy is NULL-terminated;
 * its secrets are in guarded memory (base/vault.h), for a reload reads it again. */
char **environment_take(void);
/* Wipes and frees the copy. */
void environment_free(char **environment);

#endif
