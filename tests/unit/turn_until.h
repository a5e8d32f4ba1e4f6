/* Turns a loop until something is true; fails the test when it is not in time. Include after cmocka.h. */
#ifndef TESTS_TURN_UNTIL_H
#define TESTS_TURN_UNTIL_H

#include "loop/loop.h"

enum { TURN_DEADLINE_MS = 60000 };

#define TURN_UNTIL(loop, condition)                                                  \
    do {                                                                             \
        mono_ms end_ = clock_mono_ms() + TURN_DEADLINE_MS;                           \
        while (!(condition)) {                                                       \
            if (clock_mono_ms() > end_) {                                            \
                fail_msg("after %d ms still not: %s", TURN_DEADLINE_MS, #condition); \
            }                                                                        \
            loop_turn(loop, 50);                                                     \
        }                                                                            \
    } while (0)

#endif
