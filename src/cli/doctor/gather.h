/* Looking at the world for `sipbridge doctor`: fills the parts of a struct exam. Every look has a deadline; what cannot
 * be seen is left as not asked, with the reason where there is one. Nothing here judges. */
#ifndef CLI_DOCTOR_GATHER_H
#define CLI_DOCTOR_GATHER_H

#include "cli/cli.h"
#include "cli/documents.h"
#include "doctor/exam.h"

struct doctor_options {
    bool json, fix, yes;
    const char *webhook_url, *webhook_ca;
    int64_t wait_ms;
};

/* LiveKit's answers. */
enum gather_result {
    RESULT_ROOMS,
    RESULT_TRUNKS,
    RESULT_RULES,
    RESULT_CREATED,
    RESULT_PARTICIPANTS,
    RESULT_DISPATCHES,
    RESULTS
};

/* Owns what the exam borrows. */
struct gather {
    const struct cli *cli;
    struct doctor_options options;
    mono_ms started;
    struct settings settings;
    struct settings_report report;
    struct documents documents;
    struct keyring *keys;
    struct loop *loop;
    struct livekit_api *api;
    char *api_url;
    struct livekit_result *results[RESULTS];
    bool interrupted; /* a signal came while the throw-away room was there */
    struct exam exam;
};

/* machine.c */
void gather_machine(const struct settings *settings, struct exam_machine *ret_machine);
/* redis.c: our keys' types, client tracking, JSON in LiveKit's hashes. */
void gather_redis(const struct settings *settings, struct exam_redis *ret_redis);
void gather_redis_release(struct exam_redis *redis);
/* Deletes the fields that hold JSON; says each on standard error. CLI_FAILED after saying what went wrong. */
int gather_redis_fix(const struct gather *gather);
/* json_field.c */
struct exam_json_field json_field_of(const char *hash, struct slice field, struct slice value);
void json_field_release(struct exam_json_field *json);
/* livekit.c: what it has; a throw-away room that is deleted again whatever happens. */
void gather_livekit(struct gather *gather);
void gather_room(struct gather *gather);
/* webhook.c: an event of ours through --webhook-url. */
void gather_url(struct gather *gather);

#endif
