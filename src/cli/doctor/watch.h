/* The running bridge's status, and what it saw of a probe between two looks at it. */
#ifndef CLI_DOCTOR_WATCH_H
#define CLI_DOCTOR_WATCH_H

#include "doctor/exam.h"

struct json_t;

/* The first look: whether it runs, which version, how it is. */
void watch_daemon(const struct settings *settings, struct exam_daemon *ret_daemon);

struct watch {
    const struct settings *settings;
    struct json_t *before; /* its part "webhooks"; NULL: it cannot be read */
};
void watch_start(struct watch *watch, const struct settings *settings);
/* Looks again, at most 2 s long: what came since the start, and whether ROOM's event was among it. */
void watch_look(const struct watch *watch, const char *room, struct exam_sighting *ret_sighting);
void watch_release(struct watch *watch);

/* "sipbridge-doctor-<32 random hex digits>". */
enum { WATCH_ROOM_SIZE = 64 };
void watch_room_name(char ret_name[WATCH_ROOM_SIZE]);

#endif
