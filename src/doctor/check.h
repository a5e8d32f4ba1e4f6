/* The checks of `sipbridge doctor`, once: what each is called, what it needs before it can say anything, what it looks
 * at, and what follows from a finding. Judging is pure; doc/doctor.md is made of this table. */
#ifndef DOCTOR_CHECK_H
#define DOCTOR_CHECK_H

#include "doctor/exam.h"
#include "doctor/findings.h"

/* clang-format off */
/* X(NAME, the need before it or SETTINGS itself, when it holds, "because …"): what a check may need. A check whose need
 * does not hold says why it was not made and nothing else. */
#define DOCTOR_NEEDS(X)                                                                                                \
    X(SETTINGS,     SETTINGS, exam->settings.good, "the settings are wrong")                                           \
    X(REDIS_URL,    SETTINGS, exam->redis.asked, "REDIS_URL is not set")                                               \
    X(REDIS,        REDIS_URL, exam->redis.reached, "Redis cannot be reached")                                         \
    X(RULES,        SETTINGS, exam->documents->rules.diag.what[0] == '\0', "the rules cannot be used")                 \
    X(AGENTS,       SETTINGS, exam->documents->agents.diag.what[0] == '\0', "the agents cannot be used")               \
    X(ADMIN,        SETTINGS, exam->daemon.state != DAEMON_NOT_ASKED, "SIP_ADMIN_LISTEN names no address")             \
    X(DAEMON,       ADMIN, exam->daemon.state == DAEMON_UP, "the running bridge could not be asked")                   \
    X(ENABLED,      SETTINGS, exam->settings.values->enabled, "ENABLE_SIP_BRIDGE is false")                            \
    X(KEYS,         SETTINGS, exam->settings.keys.what[0] == '\0', "there is no API key")                              \
    X(API,          KEYS, exam->livekit.wanted, "LIVEKIT_API_URL is off")                                              \
    X(LIVEKIT,      API, exam_livekit_answers(exam), "LiveKit's API does not answer")                                  \
    X(KEY_ACCEPTED, LIVEKIT, exam_key_accepted(exam), "LiveKit does not accept the API key")                           \
    X(ROOM,         KEY_ACCEPTED, exam_is_ok(exam->livekit.created), "the throw-away room could not be made")          \
    X(TRUNKS,       KEY_ACCEPTED, exam_is_ok(exam->livekit.trunks), "LiveKit's trunks could not be listed")            \
    X(HAS_TRUNK,    TRUNKS, exam->livekit.trunks->answer.count > 0, "LiveKit has no trunk")                            \
    X(DISPATCH,     KEY_ACCEPTED, exam_is_ok(exam->livekit.rules), "LiveKit's dispatch rules could not be listed")     \
    X(URL,          SETTINGS, exam->url.url != NULL, "--webhook-url was not given")
enum doctor_need {
#define X(name, before, holds, because) NEED_##name,
    DOCTOR_NEEDS(X)
#undef X
    NEED_COUNT
};

/* X(function after judge_, "name", needs, "what it looks at", "what a finding causes") */
#define WITH(name) (1U << NEED_##name)
#define DOCTOR_CHECKS(X)                                                                                               \
    X(settings, "settings", 0, "every setting, and `SIP_` names that are none",                                        \
      "`serve` does not start, or does something else than was meant")                                                 \
    X(enabled, "enabled", WITH(SETTINGS), "`ENABLE_SIP_BRIDGE`", "no call gets an agent")                              \
    X(state_dir, "state-dir", WITH(SETTINGS), "`SIP_STATE_DIR`: there, ours, closed to others, room on the disk",      \
      "`serve` does not start, or agents' output is lost")                                                             \
    X(file_limit, "file-limit", WITH(SETTINGS),                                                                        \
      "the limit on open files against the calls that `SIP_MAX_CALLS` and the agents' `max` allow (three files a call)", \
      "calls above it get no agent")                                                                                   \
    X(redis, "redis", WITH(REDIS_URL), "whether Redis answers at `REDIS_URL`",                                         \
      "the last known rules stay in use; on a first start calls ring in vain")                                         \
    X(redis_types, "redis-types", WITH(REDIS), "`sip_dispatch_rules` is a string, `sip_agents` a hash",                \
      "the document cannot be read")                                                                                   \
    X(redis_tracking, "redis-tracking", WITH(REDIS), "whether Redis tells of changes (client tracking)",               \
      "a changed rule counts up to 30 s later")                                                                        \
    X(redis_json, "redis-json", WITH(REDIS),                                                                           \
      "JSON in the hashes where LiveKit keeps trunks and dispatch rules as protobuf (Stimm's old script wrote it)",    \
      "LiveKit cannot list its trunks and refuses every call with 503")                                                \
    X(rules, "rules", WITH(SETTINGS), "the rules, as `sipbridge rules check` does", "the rules in use stay as they were") \
    X(agents, "agents", WITH(SETTINGS), "every agent and its program, as `sipbridge agents check` does",               \
      "calls for that agent go to another, or are hung up")                                                            \
    X(rule_agents, "rule-agents", WITH(RULES) | WITH(AGENTS), "the agents that rules name",                            \
      "such a rule gives way to the next")                                                                             \
    X(daemon, "daemon", WITH(ADMIN), "whether the bridge runs and accepts our key", "no call gets an agent")           \
    X(version, "version", WITH(DAEMON), "whether the running bridge is of this version", "an old one answers calls")   \
    X(health, "health", WITH(DAEMON), "what the running bridge says of itself", "as it says")                          \
    X(failing_agents, "failing-agents", WITH(DAEMON),                                                                  \
      "agents that the running bridge leaves alone because they failed again and again",                               \
      "their calls get their next choice, or are hung up")                                                             \
    X(standbys, "standbys", WITH(DAEMON), "agents whose standbys (processes started ahead of calls) fail",             \
      "their calls start a process of their own, and ring longer")                                                     \
    X(listen, "listen", WITH(SETTINGS), "who answers at `SIP_LISTEN`", "webhooks go nowhere, or `serve` does not start") \
    X(livekit, "livekit", WITH(API), "whether LiveKit's API answers at `LIVEKIT_API_URL` or `LIVEKIT_URL`",            \
      "agents cannot join, and no call is hung up")                                                                    \
    X(api_key, "api-key", WITH(LIVEKIT), "whether LiveKit accepts the key", "agents cannot join, webhooks are refused") \
    X(grant_room_list, "grant-room-list", WITH(KEY_ACCEPTED), "the grant `roomList`", "lost webhooks do not heal")     \
    X(grant_room_create, "grant-room-create", WITH(KEY_ACCEPTED), "the grant `roomCreate`: makes a throw-away room",   \
      "no call can be hung up")                                                                                        \
    X(grant_room_admin, "grant-room-admin", WITH(ROOM), "the grant `roomAdmin`, on that room",                         \
      "numbers are learnt late, legs cannot be rejected")                                                              \
    X(grant_sip_admin, "grant-sip-admin", WITH(KEY_ACCEPTED),                                                          \
      "the grant `sip.admin`, and that LiveKit can list its trunks and dispatch rules",                                \
      "trunks cannot be looked after; where LiveKit itself cannot read them, it refuses every call")                   \
    X(clock, "clock", WITH(LIVEKIT), "our clock against LiveKit's (30 s apart)", "tokens and webhooks are refused")    \
    X(webhook, "webhook", WITH(ROOM) | WITH(DAEMON) | WITH(ENABLED),                                                   \
      "whether LiveKit's webhook about that room reaches the running bridge, and with which key",                      \
      "calls ring in vain")                                                                                            \
    X(webhook_url, "webhook-url", WITH(URL) | WITH(KEYS),                                                              \
      "a signed event that starts nothing, sent to `--webhook-url`: does it arrive, Authorization and body unchanged", \
      "LiveKit's events are lost on the way")                                                                          \
    X(trunks, "trunks", WITH(TRUNKS), "whether LiveKit has an inbound trunk", "LiveKit drops every call")              \
    X(open_trunk, "open-trunk", WITH(HAS_TRUNK), "trunks without allowed addresses, callers and password",             \
      "anyone who reaches LiveKit's SIP port can start agents")                                                         \
    X(dispatch, "dispatch", WITH(DISPATCH),                                                                            \
      "whether a LiveKit dispatch rule makes rooms that begin with `SIP_ROOM_PREFIX`",                                 \
      "LiveKit drops calls, or makes rooms that sipbridge leaves alone")                                               \
    X(trunk_dispatch, "trunk-dispatch", WITH(HAS_TRUNK) | WITH(DISPATCH), "whether each trunk has such a rule",        \
      "calls over that trunk get no agent")                                                                            \
    X(numbers, "numbers", WITH(HAS_TRUNK) | WITH(RULES) | WITH(AGENTS),                                                \
      "who would answer each number of each trunk that leads here", "calls to it are hung up, or answered by whoever is first")        \
    X(hidden_numbers, "hidden-numbers", WITH(TRUNKS) | WITH(DISPATCH) | WITH(RULES),                                   \
      "dispatch rules with `hide_phone_number` where our rules need numbers", "the wrong agent answers")               \
    X(dispatch_agents, "dispatch-agents", WITH(DISPATCH),                                                              \
      "dispatch rules that ask agents of LiveKit's own into our rooms", "two agents answer one caller")                \
    X(unnamed_worker, "unnamed-worker", WITH(ROOM),                                                                    \
      "whether a worker of LiveKit's agents without a name takes every room", "two agents answer one caller")          \
    X(stale_rooms, "stale-rooms", WITH(KEY_ACCEPTED), "rooms of our prefix without people, older than a minute",       \
      "rooms pile up in LiveKit")
/* clang-format on */

struct doctor_check {
    const char *name;
    unsigned needs; /* of WITH */
    const char *looks_at, *causes;
    void (*judge)(const struct exam *exam, struct findings *findings);
};
size_t doctor_check_count(void);
const struct doctor_check *doctor_check_at(size_t place);

/* Makes every check. Each adds at least one finding, but webhook-url adds none when it was not asked for. */
void doctor_judge(const struct exam *exam, struct findings *findings);

/* For the table of needs and for the checks. RESULT may be NULL: not asked. */
bool exam_is_ok(const struct livekit_result *result);
bool exam_livekit_answers(const struct exam *exam);
/* At least one answer does not say that the key is unknown. */
bool exam_key_accepted(const struct exam *exam);
/* Whether a worker of LiveKit's agents has the throw-away room's job, or its agent is in the room already: nobody was
 * asked into it. */
bool exam_worker_took_room(const struct exam_livekit *livekit);

#endif
