/* Every metric, once: ops/metrics.c makes /metrics of it, `sipbridge docs metrics` doc/metrics.md.
 *
 * X(symbol, name, TYPE, unit, labels, help, give)
 * name:   Prometheus' conventions: base units at the end, _total for counters; those of the process are named as client
 *         libraries name them.
 * labels: for people; "" for none.
 * give:   writes the samples into the sheet `s`; `o` is the struct ops, `b` the bridge's counters, `t` its times, `l` what
 *         is known of LiveKit or NULL, `h` the HTTP server's counters or NULL, `w` the webhooks' counters, `c` the call
 *         log's state or NULL, `p` the engine's counters or NULL, `self` this process. A metric without samples is left
 *         out. */
#ifndef OPS_METRICS_TABLE_H
#define OPS_METRICS_TABLE_H

/* clang-format off */
#define METRICS(X)                                                                                                            \
    X(build_info, "sipbridge_build_info", GAUGE, "", "version", "Always 1; tells the version.",                               \
      sheet_count_of(s, "version", SIPBRIDGE_VERSION, 1))                                                                     \
    X(healthy, "sipbridge_healthy", GAUGE, "", "", "1 while GET /health/sip-bridge says healthy, 0 while degraded or disabled.", \
      sheet_count(s, is_healthy(o)))                                                                                          \
    X(enabled, "sipbridge_enabled", GAUGE, "", "", "0 with ENABLE_SIP_BRIDGE=false.", sheet_count(s, o->enabled))             \
    X(draining, "sipbridge_draining", GAUGE, "", "", "1 while no new calls are taken, before the end.",                       \
      sheet_count(s, o->draining))                                                                                            \
                                                                                                                              \
    X(calls, "sipbridge_calls", GAUGE, "", "phase", "Calls in progress, by phase.", give_phases(s, o))                        \
    X(served, "sipbridge_calls_served", GAUGE, "", "", "Calls in progress that have an agent.", sheet_count(s, load.served))  \
    X(served_limit, "sipbridge_calls_served_limit", GAUGE, "", "", "SIP_MAX_CALLS; absent without a limit.",                  \
      count_above_zero(s, load.max_served))                                                                                   \
    X(tombstones, "sipbridge_calls_remembered", GAUGE, "", "", "Calls that are over and remembered for late events.",         \
      sheet_count(s, bridge_tombstones(o->bridge)))                                                                           \
    X(begun, "sipbridge_calls_begun_total", COUNTER, "", "", "Rooms that were taken for calls.", sheet_count(s, b->calls))    \
    X(answered, "sipbridge_calls_answered_total", COUNTER, "", "", "Calls whose agent published audio.",                      \
      sheet_count(s, b->answered))                                                                                            \
    X(ended, "sipbridge_calls_ended_total", COUNTER, "", "reason",                                                            \
      "Calls that are over, by why; NOT_A_CALL: rooms to which no caller came.", give_ends(s, b))                             \
    X(limited, "sipbridge_calls_limited_total", COUNTER, "", "limit", "Calls hung up because a limit was reached.",           \
      give_limited(s, b))                                                                                                     \
    X(refused_calls, "sipbridge_calls_refused_total", COUNTER, "", "", "Rooms left alone because 100,000 calls were in progress.", \
      sheet_count(s, b->refused))                                                                                             \
    X(restored, "sipbridge_calls_restored_total", COUNTER, "", "", "Calls taken back from the former start.",                 \
      sheet_count(s, b->restored))                                                                                            \
    X(rejected_legs, "sipbridge_callers_rejected_total", COUNTER, "", "", "Callers rejected by a rule or for want of a trunk.", \
      sheet_count(s, b->rejected_legs))                                                                                       \
                                                                                                                              \
    X(ring, "sipbridge_ring_seconds", HISTOGRAM, "seconds", "",                                                               \
      "How long a caller heard ringing: from the first event of the call to its agent's audio.", sheet_histogram(s, &t->ring)) \
    X(decision, "sipbridge_decision_seconds", HISTOGRAM, "seconds", "",                                                       \
      "From the first event of a call to the choice of its agent; the wait for the called number is in it.",                  \
      sheet_histogram(s, &t->decision))                                                                                       \
    X(start, "sipbridge_agent_start_seconds", HISTOGRAM, "seconds", "",                                                       \
      "From the wish for an agent's process to its being there.", sheet_histogram(s, &t->start))                              \
                                                                                                                              \
    X(agents, "sipbridge_agents", GAUGE, "", "", "Agents in the directory.", give_agent_count(s, o))                          \
    X(rules, "sipbridge_rules", GAUGE, "", "", "Rules in use.", give_rule_count(s, o))                                        \
    X(stale, "sipbridge_documents_failing", GAUGE, "", "document",                                                            \
      "1 while the newest rules or agents are not in use because they cannot be read or are wrong.", give_documents(s, o))    \
    X(agent_calls, "sipbridge_agent_calls", GAUGE, "", "agent", "Calls in progress, by agent.", give_agent_calls(s, o, now))  \
    X(agent_resting, "sipbridge_agent_resting", GAUGE, "", "agent",                                                           \
      "1 for an agent that failed again and again: its calls get their next choice.", give_agent_resting(s, o, now))          \
    X(processes, "sipbridge_agent_processes", GAUGE, "", "", "Agents' processes that are queued or alive.",                   \
      give_process_count(s, o))                                                                                               \
    X(starts, "sipbridge_agent_starts_total", COUNTER, "", "", "Agents' processes that calls asked for.",                     \
      sheet_count(s, b->starts))                                                                                              \
    X(restarts, "sipbridge_agent_restarts_total", COUNTER, "", "", "Of these, those that took another one's place.",          \
      sheet_count(s, b->restarts))                                                                                            \
    X(failed_starts, "sipbridge_agent_start_failures_total", COUNTER, "", "", "Processes that could not be started.",         \
      sheet_count(s, b->failed_starts))                                                                                       \
    X(exits, "sipbridge_agent_exits_total", COUNTER, "", "", "Processes that ended.", sheet_count(s, b->exits))               \
    X(stops, "sipbridge_agent_stops_total", COUNTER, "", "", "Processes that were told to end.", sheet_count(s, b->stops))    \
    X(kills, "sipbridge_agent_kills_total", COUNTER, "", "", "Processes that had to be killed.",                              \
      if (p != NULL) sheet_count(s, p->killed))                                                                               \
    X(adopted, "sipbridge_agent_adoptions_total", COUNTER, "", "", "Running processes taken back from the former start.",     \
      if (p != NULL) sheet_count(s, p->adopted))                                                                              \
    X(strangers, "sipbridge_agent_orphans_total", COUNTER, "", "", "Processes that agents left behind.",                      \
      if (p != NULL) sheet_count(s, p->strangers))                                                                            \
                                                                                                                              \
    X(standby_wanted, "sipbridge_standby_wanted", GAUGE, "", "agent", "Processes that shall be ready ahead of calls.",        \
      STANDBY(wanted))                                                                                                        \
    X(standby_ready, "sipbridge_standby_ready", GAUGE, "", "agent", "Processes that are ready ahead of calls.",               \
      STANDBY(ready))                                                                                                         \
    X(standby_starting, "sipbridge_standby_starting", GAUGE, "", "agent", "Processes on their way to be ready.",              \
      STANDBY(starting))                                                                                                      \
    X(standby_given, "sipbridge_standby_handed_over_total", COUNTER, "", "agent", "Ready processes that got a call.",         \
      STANDBY(handed_over))                                                                                                   \
    X(standby_misses, "sipbridge_standby_misses_total", COUNTER, "", "agent", "Calls that came when none was ready.",         \
      STANDBY(missed))                                                                                                        \
                                                                                                                              \
    X(webhooks, "sipbridge_webhooks_total", COUNTER, "", "verdict, reason",                                                   \
      "Webhooks, by what became of them; rejected ones (401) by why.", give_webhooks(s, w))                                   \
    X(webhook_lag, "sipbridge_webhook_lag_seconds", HISTOGRAM, "seconds", "",                                                 \
      "How old events were when they came, by LiveKit's clock, which tells whole seconds: up to one is normal.",              \
      sheet_histogram(s, receiver_lag(o->receiver)))                                                                          \
    X(last_webhook, "sipbridge_webhook_last_verified_timestamp_seconds", GAUGE, "seconds", "",                                \
      "When the last verified webhook came, Unix time; absent before the first.",                                             \
      if (w->last_verified_wall_ms != 0) sheet_real(s, (double)w->last_verified_wall_ms / 1000))                              \
    X(ignored_events, "sipbridge_events_ignored_total", COUNTER, "", "", "Events that are about none of our calls.",          \
      sheet_count(s, b->ignored_events))                                                                                      \
    X(forgotten, "sipbridge_webhook_ids_forgotten_total", COUNTER, "", "",                                                    \
      "Ids of events forgotten before their time: repeats of those are not known as such.", sheet_count(s, w->forgotten))     \
    X(queue, "sipbridge_queue_events", GAUGE, "", "", "Verified events that wait for the bridge.",                            \
      if (o->queue_now != NULL) sheet_count(s, *o->queue_now))                                                                \
    X(queue_limit, "sipbridge_queue_limit", GAUGE, "", "", "How many may wait.",                                              \
      if (o->queue_now != NULL) sheet_count(s, o->queue_max))                                                                 \
                                                                                                                              \
    X(livekit_state, "sipbridge_livekit_state", GAUGE, "", "state",                                                           \
      "1 for what is known of LiveKit's API now; absent with LIVEKIT_API_URL=off.", give_livekit_state(s, l))                 \
    X(livekit_latency, "sipbridge_livekit_latency_seconds", HISTOGRAM, "seconds", "",                                         \
      "From a question to LiveKit's API to its result, repeated tries included.",                                             \
      if (l != NULL) sheet_histogram(s, &l->latency))                                                                         \
    X(livekit_requests, "sipbridge_livekit_requests_total", COUNTER, "", "", "Requests sent to LiveKit's API.",               \
      if (l != NULL) sheet_count(s, l->requests))                                                                             \
    X(livekit_retries, "sipbridge_livekit_retries_total", COUNTER, "", "", "Of these, those sent again.",                     \
      if (l != NULL) sheet_count(s, l->retries))                                                                              \
    X(livekit_failures, "sipbridge_livekit_failures_total", COUNTER, "", "", "Questions that got no useful answer.",          \
      if (l != NULL) sheet_count(s, l->failures))                                                                             \
    X(livekit_skew, "sipbridge_livekit_clock_skew_seconds", GAUGE, "seconds", "", "LiveKit's clock minus ours.",              \
      if (l != NULL && l->skew_known) sheet_real(s, l->skew_s))                                                               \
    X(rounds, "sipbridge_reconcile_rounds_total", COUNTER, "", "", "Looks at LiveKit's list of rooms.",                       \
      if (o->reconcile != NULL) sheet_count(s, r.rounds))                                                                     \
    X(corrections, "sipbridge_reconcile_corrections_total", COUNTER, "", "what",                                              \
      "What LiveKit's list knew better than the webhooks.", if (o->reconcile != NULL) give_corrections(s, &r))                \
    X(unheard, "sipbridge_reconcile_webhooks_missing", GAUGE, "", "", "1 while LiveKit has calls that no webhook told of.",   \
      if (o->reconcile != NULL) sheet_count(s, r.unheard))                                                                    \
    X(disbelieved, "sipbridge_reconcile_disbelieved", GAUGE, "", "",                                                          \
      "1 while LiveKit's list would end most calls, and is not believed.", if (o->reconcile != NULL) sheet_count(s, r.refused)) \
                                                                                                                              \
    X(redis_connected, "sipbridge_redis_connected", GAUGE, "", "", "1 while Redis is connected; absent without REDIS_URL.",   \
      give_redis(s, o, redis_connected))                                                                                      \
    X(redis_live, "sipbridge_redis_live_changes", GAUGE, "", "", "1 while Redis tells of changes at once.",                   \
      give_redis(s, o, redis_tracking))                                                                                       \
    X(redis_latency, "sipbridge_redis_latency_seconds", HISTOGRAM, "seconds", "", "From a command to Redis to its answer.",   \
      give_redis(s, o, redis_latency))                                                                                        \
    X(stimm_state, "sipbridge_stimm_state", GAUGE, "", "state", "1 for what is known of Stimm now; absent without STIMM_API_URL.", \
      give_stimm(s, o))                                                                                                       \
                                                                                                                              \
    X(connections, "sipbridge_http_connections", GAUGE, "", "", "Open HTTP connections.", if (h != NULL) sheet_count(s, h->open)) \
    X(accepted, "sipbridge_http_connections_total", COUNTER, "", "", "HTTP connections accepted.",                            \
      if (h != NULL) sheet_count(s, h->connections))                                                                          \
    X(requests, "sipbridge_http_requests_total", COUNTER, "", "", "Complete HTTP requests.",                                  \
      if (h != NULL) sheet_count(s, h->requests))                                                                             \
    X(refused_requests, "sipbridge_http_refused_total", COUNTER, "", "reason", "Requests and connections refused by a limit.", \
      if (h != NULL) give_http_refused(s, h))                                                                                 \
    X(loop_timers, "sipbridge_loop_timers", GAUGE, "", "", "Timers that are started.",                                         \
      if (o->loop != NULL) sheet_count(s, loop_timers(o->loop)))                                                                              \
    X(loop_lag, "sipbridge_loop_lag_seconds", HISTOGRAM, "seconds", "", "How late timers ran.",                               \
      if (o->loop != NULL) sheet_histogram(s, loop_lag(o->loop)))                                                             \
    X(loop_turns, "sipbridge_loop_turns_total", COUNTER, "", "", "Turns of the event loop.",                                  \
      if (o->loop != NULL) sheet_count(s, loop_turns(o->loop)))                                                               \
    X(pressure, "sipbridge_memory_pressure_ratio", GAUGE, "ratio", "",                                                        \
      "Share of the last ten seconds that some process waited for memory; absent where it is not looked at.",                 \
      if (o->memory->is_known) sheet_real(s, (double)o->memory->hundredths / 10000))                                          \
    X(log_lost, "sipbridge_log_records_lost_total", COUNTER, "", "", "Log records nobody read in time.",                      \
      sheet_count(s, log_dropped()))                                                                                          \
    X(call_log_failing, "sipbridge_call_log_failing", GAUGE, "", "", "1 while SIP_CALL_LOG cannot be written; absent without it.", \
      if (c != NULL && c->wanted) sheet_count(s, c->failing))                                                                 \
    X(call_log_waiting, "sipbridge_call_log_waiting_lines", GAUGE, "", "", "Lines of the call log that wait to be written.",  \
      if (c != NULL && c->wanted) sheet_count(s, c->waiting))                                                                 \
    X(call_log_lines, "sipbridge_call_log_lines_total", COUNTER, "", "", "Lines written to the call log.",                    \
      if (c != NULL && c->wanted) sheet_count(s, c->written))                                                                 \
    X(call_log_lost, "sipbridge_call_log_lost_lines_total", COUNTER, "", "", "Lines of the call log that are lost.",          \
      if (c != NULL && c->wanted) sheet_count(s, c->lost))                                                                    \
    X(call_log_failures, "sipbridge_call_log_failures_total", COUNTER, "", "", "Tries to write the call log that failed.",    \
      if (c != NULL && c->wanted) sheet_count(s, c->failures))                                                                \
                                                                                                                              \
    X(started_at, "process_start_time_seconds", GAUGE, "seconds", "", "When sipbridge started, Unix time.",                   \
      sheet_real(s, (double)o->started_wall_ms / 1000))                                                                       \
    X(cpu, "process_cpu_seconds_total", COUNTER, "seconds", "", "Processor time of sipbridge, without its agents.",           \
      if (self.cpu_us >= 0) sheet_real(s, (double)self.cpu_us / 1000000))                                                     \
    X(resident, "process_resident_memory_bytes", GAUGE, "bytes", "", "Memory in use.", known(s, self.resident_bytes))         \
    X(mapped, "process_virtual_memory_bytes", GAUGE, "bytes", "", "Memory mapped.", known(s, self.virtual_bytes))             \
    X(fds, "process_open_fds", GAUGE, "", "", "Open descriptors; an agent's process takes three.", known(s, self.fds))        \
    X(max_fds, "process_max_fds", GAUGE, "", "", "How many may be open; absent without a limit.", known(s, self.max_fds))
/* clang-format on */

#endif
