/* Every state of health and every answer of /readyz, with what to do: shown by status, by the board and by doctor, and
 * written into doc/operations.md by `sipbridge docs health`. `ops` and `s`, its source, are in the scope of WHEN. */
#ifndef OPS_HEALTH_TABLE_H
#define OPS_HEALTH_TABLE_H

/* X(health, message, remedy, when): the first row that holds. A stranger may read the message: no addresses, no reasons. */
#define HEALTH_ROWS(X)                                                                                                 \
    X(DISABLED, "ENABLE_SIP_BRIDGE is false: webhooks are answered and ignored",                                       \
      "Set `ENABLE_SIP_BRIDGE=true` and restart, if calls are to be taken.", !ops->enabled)                            \
    X(DEGRADED, "draining: no new calls, waiting for those in progress",                                               \
      "Nothing: it was told to stop. `sipbridge calls list` shows whom it waits for; a second SIGTERM ends them.",     \
      ops->draining)                                                                                                   \
    X(DEGRADED, "Redis cannot be reached and no rules were ever loaded: calls ring in vain",                           \
      "Start Redis or mend `REDIS_URL`; `sipbridge doctor` (check redis) says what is wrong.",                         \
      redis_away(s) && !source_ready(s))                                                                               \
    X(DEGRADED, "Stimm gives no agents and none were ever loaded: calls ring in vain",                                 \
      "Start Stimm or mend `STIMM_API_URL`; `sipbridge status`, line stimm, has the reason.",                          \
      stimm_fails(s) && !source_ready(s))                                                                              \
    X(DEGRADED, "no rules and agents are loaded yet",                                                                  \
      "At a start it passes at once. Else `sipbridge status` has the error of the rules and the agents.",              \
      !source_ready(s))                                                                                                \
    X(DEGRADED, "Redis cannot be reached: the last known rules are in use",                                            \
      "Calls are served. Start Redis or mend `REDIS_URL`; it is tried again by itself.", redis_away(s))                \
    X(DEGRADED, "Stimm gives no agents: the last known agents are in use",                                             \
      "Calls are served. `sipbridge status`, line stimm, has the reason; it is asked again by itself.",                \
      stimm_fails(s))                                                                                                  \
    X(DEGRADED, "the newest rules are not in use: they have a mistake",                                                \
      "`sipbridge rules check` names the place; the mended rules count at once.",                                      \
      source_rules_state(s)->error[0] != '\0')                                                                         \
    X(DEGRADED, "the newest agents are not in use: they have a mistake",                                               \
      "`sipbridge agents check` names the place; the mended agents count at once.",                                    \
      source_directory_state(s)->error[0] != '\0')                                                                     \
    X(DEGRADED, "no agent can be had: none is known, or all are broken",                                               \
      "`sipbridge agents check` says why each is broken; `sipbridge agents list` where they are looked for.",          \
      !has_agent(s))                                                                                                   \
    X(DEGRADED, "the journal of calls cannot be written: a crash now would end their agents",                          \
      "Make room in `SIP_STATE_DIR`, or give it back to the bridge's user; do not restart before.",                    \
      bridge_is_unkept(ops->bridge))                                                                                   \
    X(DEGRADED, "LiveKit's API cannot be reached: calls go on, but none can be hung up",                               \
      "Start LiveKit or mend `LIVEKIT_API_URL`; `sipbridge doctor` (check livekit) says what answers.",                \
      livekit_is(ops, CONTACT_AWAY))                                                                                   \
    X(DEGRADED, "LiveKit's API refuses our key",                                                                       \
      "Give us a key that is in LiveKit's `keys:` (`LIVEKIT_API_KEY`, `LIVEKIT_API_SECRET`), then `sipbridge "         \
      "reload`; "                                                                                                      \
      "`sipbridge doctor` (checks api-key, grant-…) tries it.",                                                        \
      livekit_is(ops, CONTACT_REFUSED))                                                                                \
    X(DEGRADED, "what answers at LIVEKIT_API_URL is not LiveKit",                                                      \
      "Set `LIVEKIT_API_URL` to LiveKit's own port (7880), or mend the proxy before it; then restart.",                \
      livekit_is(ops, CONTACT_ODD))                                                                                    \
    X(DEGRADED, "LiveKit's clock and ours are more than 30 s apart",                                                   \
      "Let both machines keep time (`timedatectl`, chrony): tokens and webhooks are refused else.",                    \
      ops->livekit != NULL && contact_clock_is_off(ops->livekit))                                                      \
    X(DEGRADED, "webhooks do not arrive: LiveKit has calls that none told of; see `sipbridge doctor`",                 \
      "Add our URL under `webhook:` in LiveKit's configuration; `sipbridge doctor` (check webhook) prints the lines.", \
      reconcile_of(ops).unheard)                                                                                       \
    X(DEGRADED, "LiveKit lists most calls no more: not believed, none is ended for it",                                \
      "See with `sipbridge list-rooms` whether it is the right LiveKit; calls that are really over: `sipbridge calls " \
      "stop SID`.",                                                                                                    \
      reconcile_of(ops).refused)                                                                                       \
    X(DEGRADED, "memory is short: new calls are hung up at once",                                                      \
      "See what uses it; set `SIP_MAX_CALLS` to what the machine can bear (doc/overload.md).",                         \
      limit_of(ops) == LIMIT_MEMORY)                                                                                   \
    X(DEGRADED, "as many calls as SIP_MAX_CALLS allows: new ones are hung up at once",                                 \
      "Nothing, if that is what the machine can bear; else raise `SIP_MAX_CALLS` and `sipbridge reload`.",             \
      limit_of(ops) == LIMIT_CALLS)                                                                                    \
    X(DEGRADED, "the call log cannot be written: calls go on, its lines wait",                                         \
      "`sipbridge status`, line call log, has the error: most often a full disk or a missing right.",                  \
      call_log_fails(ops))                                                                                             \
    X(DEGRADED, "an agent fails again and again: its calls get their next choice; `sipbridge status` names it",        \
      "`sipbridge calls logs SID` of such a call shows what it said; when it is mended, `sipbridge reload`.",          \
      bridge_is_resting(ops->bridge))                                                                                  \
    X(DEGRADED, "no standby of an agent is ready, they fail: its calls start a process; `sipbridge status` names it",  \
      "The log has the last lines of each that failed; when it is mended, `sipbridge reload` (doc/standby.md).",       \
      ops->pool != NULL && pool_fails(ops->pool))                                                                      \
    X(HEALTHY, "ready for calls", "", true)

/* X(answer, remedy, when): why GET /readyz answers 503; the first row that holds. */
#define READY_ROWS(X)                                                                    \
    X("draining", "It was told to stop: send webhooks to its successor.", ops->draining) \
    X("no rules and agents loaded yet",                                                  \
      "`sipbridge status` has the error of the rules and the agents, if it stays so.",   \
      ops->source != NULL && !source_ready(ops->source))

#endif
