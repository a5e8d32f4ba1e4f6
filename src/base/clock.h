/* Time. Deadlines are milliseconds of CLOCK_MONOTONIC (`mono_ms`); what people and tokens see is wall-clock
 * time (`wall_ms`, `unix_s`). Pure code never asks for the time: it is handed `now`. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

typedef int64_t mono_ms;
#define MONO_NEVER INT64_MAX

mono_ms clock_mono_ms(void);
int64_t clock_mono_us(void);
int64_t clock_wall_ms(void);

#endif
