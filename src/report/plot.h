/* A report as a picture, drawn by gnuplot: its script, and running it. */
#ifndef REPORT_PLOT_H
#define REPORT_PLOT_H

#include "report/report.h"

/* A sorted report. Names in it are cut and rid of all but letters (of every alphabet), digits and a few marks: gnuplot
 * has commands that a name could be taken for. */
void plot_script(const struct report *report, struct buf *out);
/* Runs gnuplot (no shell, no start-up files) on the script, and makes PATH of what it draws: whole, or not at all. False
 * with DIAG: it is not there, it failed (it says why on standard error), PATH cannot be written. Waits for it. */
bool plot_draw(const struct report *report, const char *path, struct diag *diag) __attribute__((warn_unused_result));

#endif
