/* A report (sorted) on standard output. */
#ifndef CLI_REPORT_PRINT_H
#define CLI_REPORT_PRINT_H

#include "report/report.h"

void report_print_text(const struct report *report);
void report_print_json(const struct report *report);

#endif
