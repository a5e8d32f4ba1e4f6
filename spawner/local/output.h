/* What an agent writes: DIRECTORY/LABEL.log, mode 0600, opened for appending so that the process can outlive us
 * (a pipe would kill it when we die). The kernel drops the oldest part above a limit; a lock that lives as long as
 * anybody holds the file for writing tells readers whether more can come.
 *
 * A process that was started ahead of its call has a file of its own, which becomes the call's when it gets the call. What
 * an earlier process of that call wrote is set aside then: LABEL.log.1 … .4, the oldest first. */
#ifndef SPAWNER_LOCAL_OUTPUT_H
#define SPAWNER_LOCAL_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

/* The file of LABEL (text_is_sid), to be an agent's stdout and stderr: an fd above 2, close-on-exec. -1 with DIAG. A
 * symbolic link, a fifo, or a file of another user in its place is refused. */
int output_open(const char *directory, const char *label, struct diag *diag);
/* A file without a name (O_TMPFILE), made ahead of the call that gets it, for making one may take 1 ms
 * (src/app/journal_dir.h): an fd as from output_open. -1: the file system has none of these. */
int output_prepare(const char *directory);
/* Gives that of FD the name of LABEL. False where there is such a file, or it cannot be done. */
bool output_name(const char *directory, const char *label, int fd) __attribute__((warn_unused_result));
/* The same file for reading. -1 with DIAG: no output, or not ours to read. */
int output_open_read(const char *directory, const char *label, struct diag *diag);
enum { OUTPUT_PARTS = 4 };
/* What was set aside as PART (1 to OUTPUT_PARTS), likewise. */
int output_open_part(const char *directory, const char *label, unsigned part, struct diag *diag);
/* The file of FROM, if there is one, is that of TO from now on. False with DIAG. */
bool output_take(const char *directory, const char *from, const char *to, struct diag *diag)
    __attribute__((warn_unused_result));
/* Removes the file of LABEL. */
void output_remove(const char *directory, const char *label);
enum output_trim { OUTPUT_FITS, OUTPUT_TRIMMED, OUTPUT_STAYS /* errno: the file system cannot */ };
/* Above MAX bytes on disk, punches out the oldest quarter or more: offsets stay, no new line is lost. */
enum output_trim output_trim(const char *directory, const char *label, size_t max) __attribute__((warn_unused_result));
/* Nobody holds the file of FD for writing any more. */
bool output_is_final(int fd);
/* FD is still the file of LABEL: no later process' output took its place. */
bool output_is_newest(const char *directory, const char *label, int fd);
/* The label of the file NAME, "LABEL.log", to be freed; NULL for any other name. */
char *output_label(const char *name);
/* Removes the final files that were not written to for KEEP_MS, and those of standbys that never wrote anything; returns
 * how many. */
unsigned output_expire(const char *directory, int64_t keep_ms, int64_t wall_ms);

#endif
