/* What an agent writes: DIRECTORY/LABEL.log, mode 0600, opened for appending so that the process can outlive us
 * (a pipe would kill it when we die). The kernel drops the oldest part above a limit; a lock that lives as long as
 * anybody holds the file for writing tells readers whether more can come. */
#ifndef SPAWNER_LOCAL_OUTPUT_H
#define SPAWNER_LOCAL_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

/* The file of LABEL (text_is_sid), to be an agent's stdout and stderr: an fd above 2, close-on-exec. -1 with DIAG. A
 * symbolic link, a fifo, or a file of another user in its place is refused. */
int output_open(const char *directory, const char *label, struct diag *diag);
/* The same file for reading. -1 with DIAG: no output, or not ours to read. */
int output_open_read(const char *directory, const char *label, struct diag *diag);
/* Above MAX bytes on disk, punches out the oldest quarter or more: offsets stay, no new line is lost. False with
 * errno when the file system cannot. */
bool output_trim(const char *directory, const char *label, size_t max) __attribute__((warn_unused_result));
/* Nobody holds the file of FD for writing any more. */
bool output_is_final(int fd);
/* The label of the file NAME, "LABEL.log", to be freed; NULL for any other name. */
char *output_label(const char *name);
/* Removes the final files that were not written to for KEEP_MS; returns how many. */
unsigned output_expire(const char *directory, int64_t keep_ms, int64_t wall_ms);

#endif
