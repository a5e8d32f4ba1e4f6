/* Every setting, once. The struct, the parser, its checks, `sipbridge config`, the help, the manual page and
 * doc/settings.md all come from these rows.
 *
 * X(NAME, field, TYPE, default, limits, change, section, help)
 * TYPE:   BOOL bool; TEXT char * (NULL when empty); SECRET char *, never shown; URL char *, shown without its
 *         password; DURATION int64_t milliseconds; SIZE int64_t bytes; COUNT int64_t; MODE unsigned; CHOICE int, the place in the
 *         list of choices; LIST char **, NULL-terminated, written with commas.
 * limits: NO_LIMITS, RANGE(least, most), CHOICES("a|b"), CHECK(function of settings/check.h), EMPTY (an empty value
 *         means something; for all others it means "not set").
 * change: RELOAD: SIGHUP takes a new value over, for calls that begin from then on; RESTART: it waits for the next start.
 * help:   sentences for people; Markdown's `code` marks names and values. */
#ifndef SETTINGS_TABLE_H
#define SETTINGS_TABLE_H

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* clang-format off */
#define SETTINGS(X)                                                                                                    \
    X(ENABLE_SIP_BRIDGE, enabled, BOOL, "true", NO_LIMITS, RESTART, "LiveKit",                                         \
      "With `false` the process is healthy and says \"disabled\"; webhooks are answered 200 and ignored.")             \
    X(LIVEKIT_URL, livekit_url, URL, "ws://127.0.0.1:7880", CHECK(check_livekit_url), RESTART, "LiveKit",             \
      "Where agents find LiveKit: `ws://` or `wss://`.")                                                               \
    X(LIVEKIT_API_URL, livekit_api_url, URL, "", CHECK(check_api_url), RESTART, "LiveKit",                            \
      "Where LiveKit's API is, `http://` or `https://`. Not set: as `LIVEKIT_URL` says. `off`: it is never called, "   \
      "and webhooks are all sipbridge knows (for recordings without a LiveKit).")                                      \
    X(SIP_LIVEKIT_CA, livekit_ca, TEXT, "", NO_LIMITS, RESTART, "LiveKit",                                             \
      "A PEM file with the only authorities to trust for an `https://` API. Not set: the system's.")                   \
    X(SIP_CLOSE_ROOM, close_room, BOOL, "true", NO_LIMITS, RELOAD, "LiveKit",                                          \
      "Delete the room of a call that is over. With `false` only our part ends.")                                      \
    X(LIVEKIT_API_KEY, livekit_api_key, TEXT, "", CHECK(check_key_name), RELOAD, "LiveKit",                            \
      "The API key that signs the agents' tokens; webhooks signed with it are accepted.")                              \
    X(LIVEKIT_API_SECRET, livekit_api_secret, SECRET, "", CHECK(check_secret), RELOAD, "LiveKit",                      \
      "Its secret.")                                                                                                   \
    X(LIVEKIT_API_SECRET_FILE, livekit_api_secret_file, TEXT, "", NO_LIMITS, RELOAD, "LiveKit",                        \
      "A file that holds the secret, instead of `LIVEKIT_API_SECRET`.")                                                \
    X(LIVEKIT_KEYS, livekit_keys, SECRET, "", NO_LIMITS, RELOAD, "LiveKit",                                            \
      "More keys whose webhooks are accepted: lines `key: secret`, or the path of a file with such lines (LiveKit's "  \
      "own key file). The first one signs if there is no `LIVEKIT_API_KEY`.")                                          \
    X(REDIS_URL, redis_url, URL, "", CHECK(check_redis_url), RESTART, "Rules and agents",                              \
      "`redis://[user:password@]host[:port][/database]` or `unix:///path`: rules are read from the key "               \
      "`sip_dispatch_rules`, agents from the hash `sip_agents`. Without it the files below are all there is.")         \
    X(SIP_RULES_FILE, rules_file, TEXT, "", NO_LIMITS, RESTART, "Rules and agents",                                    \
      "A file with the rules, a JSON array; watched. It takes the place of Redis for the rules.")                      \
    X(SIP_AGENTS_FILE, agents_file, TEXT, "", NO_LIMITS, RESTART, "Rules and agents",                                  \
      "A file with the agents, a JSON object; watched. It takes the place of Redis for the agents.")                   \
    X(STIMM_API_URL, stimm_api_url, URL, "", CHECK(check_stimm_url), RESTART, "Rules and agents",                      \
      "Where Stimm is, `http://` or `https://`: agents are those of its list `/api/agents/`, its default agent is "    \
      "the first. It takes the place of Redis for the agents. Where `SIP_AGENT_COMMAND` is not set they run Stimm's "  \
      "own worker (doc/from-stimm.md).")                                                                               \
    X(SIP_AGENT_COMMAND, agent_command, TEXT, "", CHECK(check_command), RELOAD, "Rules and agents",                    \
      "The command of agents that have none of their own; split without a shell. `{room} {agent} {agent_id} {called} " \
      "{caller} {livekit_url}` are replaced. Alone, without rules and agents, it answers every call.")                 \
    X(DEFAULT_SIP_AGENT, default_agent, TEXT, "", NO_LIMITS, RELOAD, "Rules and agents",                               \
      "The agent for calls that no rule matches, or whose agent cannot be had.")                                       \
    X(SIP_ROOM_PREFIX, room_prefix, TEXT, "sip-inbound", EMPTY, RELOAD, "Calls",                                       \
      "Only rooms whose name begins so are calls. Empty: every room, as soon as a caller is in it.")                   \
    X(SIP_ROOM_NUMBER, room_number, CHOICE, "caller", CHOICES("caller|called"), RELOAD, "Calls",                       \
      "Whose number LiveKit's dispatch rule puts into the room's name: `called` for a callee rule. Then the agent is " \
      "chosen by it as soon as the room is there.")                                                                    \
    X(SIP_REQUIRE_TRUNK, require_trunk, BOOL, "true", NO_LIMITS, RELOAD, "Calls",                                      \
      "A caller who came through no trunk is spam and gets no agent.")                                                 \
    X(SIP_NUMBER_WAIT, number_wait_ms, DURATION, "6s", RANGE(0, MINUTE_MS), RELOAD, "Calls",                           \
      "How long to wait for the called number before deciding without it.")                                            \
    X(SIP_READY_TIMEOUT, ready_timeout_ms, DURATION, "10s", RANGE(100, 10 * MINUTE_MS), RELOAD, "Calls",               \
      "An agent that publishes no audio for this long after its start is replaced.")                                   \
    X(SIP_REJOIN_GRACE, rejoin_grace_ms, DURATION, "5s", RANGE(0, 10 * MINUTE_MS), RELOAD, "Calls",                    \
      "A caller whose line broke may come back for this long.")                                                        \
    X(SIP_MAX_CALL, max_call_ms, DURATION, "4h", RANGE(SECOND_MS, 7 * DAY_MS), RELOAD, "Calls",                        \
      "A call that lasts longer is ended.")                                                                            \
    X(SIP_MAX_CALLS, max_calls, COUNT, "0", RANGE(0, 100000), RELOAD, "Calls",                                         \
      "So many calls may have an agent at once; who calls then is hung up at once. `0`: as many as come "              \
      "(doc/overload.md).")                                                                                            \
    X(SIP_MAX_STARTS, max_starts, COUNT, "0", RANGE(0, 10000), RELOAD, "Calls",                                        \
      "So many agents' processes may be started within one second; new calls above that are hung up at once. `0`: "    \
      "as many as come.")                                                                                              \
    X(SIP_MAX_PRESSURE, max_pressure, COUNT, "60", RANGE(0, 100), RESTART, "Calls",                                    \
      "New calls are hung up at once while processes wait for memory more than this percentage of the time (the "      \
      "kernel's pressure information, `some avg10`). `0`: it is not looked at.")                                       \
    X(SIP_PRESSURE_FILE, pressure_file, TEXT, "", CHECK(check_absolute), RESTART, "Calls",                             \
      "Where memory pressure is read, for example a slice's `memory.pressure`. Not set: that of our own cgroup and "   \
      "`/proc/pressure/memory`, the higher of the two.")                                                               \
    X(SIP_RECONCILE, reconcile_ms, DURATION, "60s", RANGE(SECOND_MS, HOUR_MS), RELOAD, "Calls",                        \
      "How often LiveKit's list of rooms is compared with the calls known here: lost webhooks heal then.")             \
    X(SIP_AFTER_CALL, after_call_ms, DURATION, "0", RANGE(0, DAY_MS), RELOAD, "Agents' processes",                     \
      "When the call is over, the agent is left alone for this long (to write a summary) before it is told to stop.")  \
    X(SIP_STOP_TIMEOUT, stop_timeout_ms, DURATION, "10s", RANGE(0, 10 * MINUTE_MS), RELOAD, "Agents' processes",       \
      "From SIGTERM to SIGKILL.")                                                                                      \
    X(SIP_AGENT_ENV, agent_env, LIST, "", CHECK(check_env_globs), RELOAD, "Agents' processes",                         \
      "Names of our environment that agents get, `*` and `?` allowed: `OPENAI_API_KEY,AWS_*`. PATH, HOME, LANG and "   \
      "TZ always pass; secrets of sipbridge never.")                                                                   \
    X(SIP_AGENT_CREDENTIALS, agent_credentials, CHOICE, "token", CHOICES("token|api"), RELOAD, "Agents' processes",    \
      "What agents of `SIP_AGENT_COMMAND` get: a token for their one room, or the API key and secret themselves.")     \
    X(SIP_AGENT_CWD, agent_cwd, TEXT, "", CHECK(check_absolute), RELOAD, "Agents' processes",                          \
      "The directory in which agents start that name no `cwd` of their own. Not set: that of sipbridge.")              \
    X(SIP_STANDBY, standby, COUNT, "0", RANGE(0, 1000), RELOAD, "Agents' processes",                                   \
      "So many processes of each agent are started ahead and wait for calls (doc/standby.md), unless its entry says "  \
      "otherwise.")                                                                                                    \
    X(SIP_STANDBY_MAX, standby_max, COUNT, "0", RANGE(0, 1000), RELOAD, "Agents' processes",                           \
      "With many calls up to so many wait. `0`: always `SIP_STANDBY`.")                                                \
    X(SIP_STANDBY_MAX_AGE, standby_max_age_ms, DURATION, "1h", RANGE(0, 7 * DAY_MS), RELOAD, "Agents' processes",      \
      "One that has waited for so long is replaced. `0`: never.")                                                      \
    X(SIP_STANDBY_MAX_RSS, standby_max_rss, SIZE, "0", RANGE(0, 1024 * GIB), RELOAD, "Agents' processes",              \
      "One that waits and has more memory resident is replaced. `0`: whatever it has.")                                \
    X(SIP_STANDBY_TIMEOUT, standby_timeout_ms, DURATION, "60s", RANGE(100, HOUR_MS), RELOAD, "Agents' processes",      \
      "One that does not say that it is ready for so long after its start is killed.")                                 \
    X(SIP_STANDBY_STARTS, standby_starts, COUNT, "2", RANGE(1, 1000), RELOAD, "Agents' processes",                     \
      "So many are starting at a time, of all agents together.")                                                       \
    X(SIP_AGENT_USER, agent_user, TEXT, "", NO_LIMITS, RESTART, "Agents' processes",                                            \
      "The user that agents run as, with its groups: a name, a uid, or `UID:GID`. sipbridge must be root, or have "    \
      "the capabilities `CAP_SETUID`, `CAP_SETGID` and `CAP_KILL` (and better `CAP_SYS_PTRACE` and `CAP_CHOWN`). Not " \
      "set: as sipbridge itself.")                                                                                     \
    X(SIP_AGENT_LIMITS, agent_limits, LIST, "", CHECK(check_limit), RESTART, "Agents' processes",                               \
      "Limits of each agent's processes: `nofile=1024,nproc=200,as=4GiB,core=0`; also `cpu` (seconds), `data`, "       \
      "`fsize`, `memlock`, `stack`. `nproc` counts all processes of the user.")                                        \
    X(SIP_AGENT_MEMORY_MAX, agent_memory_max, SIZE, "0", RANGE(0, 1024 * GIB), RESTART, "Agents' processes",           \
      "So much memory may all processes of one agent use together, swap included; beyond it the kernel ends them. "    \
      "Needs a control group (cgroup v2) that was delegated to sipbridge. `0`: no limit.")                             \
    X(SIP_AGENT_PIDS_MAX, agent_pids_max, COUNT, "0", RANGE(0, 1000000), RESTART, "Agents' processes",                 \
      "So many processes and threads may one agent have. Needs such a control group, too. `0`: no limit.")             \
    X(SIP_AGENT_CGROUP, agent_cgroup, TEXT, "", CHECK(check_cgroup), RESTART, "Agents' processes",                     \
      "The directory of a control group (cgroup v2) below which each agent gets one of its own. Not set: that of "     \
      "sipbridge itself, if it was delegated to it (`Delegate=yes`). `off`: none.")                                    \
    X(SIP_AGENT_NO_NEW_PRIVS, agent_no_new_privs, BOOL, "true", NO_LIMITS, RESTART, "Agents' processes",                        \
      "Agents gain no rights by programs that have some of their own (setuid, file capabilities): `sudo` fails in "    \
      "them. Holds for sipbridge itself, too.")                                                                        \
    X(SIP_STATE_DIR, state_dir, TEXT, "/var/lib/sipbridge", CHECK(check_absolute), RESTART, "Agents' processes",       \
      "Where the agents' output, the journal of calls and the last good rules and agents are kept; private to one "    \
      "sipbridge (mode 0700, locked).")                                                                                \
    X(SIP_LOG_MAX, log_max, SIZE, "16MiB", RANGE(0, 1024 * GIB), RELOAD, "Agents' processes",                          \
      "Of an agent's output at most this much is kept on disk per call, the newest; `0`: all of it.")                  \
    X(SIP_LOG_KEEP, log_keep_ms, DURATION, "7d", RANGE(0, 3650 * DAY_MS), RELOAD, "Agents' processes",                 \
      "Output older than this is removed; `0`: never.")                                                                \
    X(SIP_ON_EXIT, on_exit, CHOICE, "keep", CHOICES("keep|drain|stop"), RELOAD, "Agents' processes",                   \
      "On SIGTERM: `keep` goes at once and leaves calls and agents to the next start, which takes them back; `drain` " \
      "takes no new calls and waits for those in progress; `stop` ends them. As process 1 (in a container, where "     \
      "agents go with it) the default is `drain`.")                                                                    \
    X(SIP_LISTEN, listen, LIST, "127.0.0.1:8790", CHECK(check_listen), RESTART, "HTTP",                                \
      "Where webhooks and health requests come in: `address:port`, `[v6]:port`, `:port` (every address), "             \
      "`unix:/path`, `fd:3`; several with commas.")                                                                    \
    X(SIP_ADMIN_LISTEN, admin_listen, LIST, "127.0.0.1:8791", EMPTY CHECK(check_listen), RESTART, "HTTP",              \
      "Where operators come in. Empty: nowhere.")                                                                      \
    X(SIP_SOCKET_MODE, socket_mode, MODE, "0660", RANGE(0, 0777), RESTART, "HTTP",                                     \
      "Permissions of unix sockets.")                                                                                  \
    X(SIP_SOCKET_GROUP, socket_group, TEXT, "", NO_LIMITS, RESTART, "HTTP",                                            \
      "Group of unix sockets.")                                                                                        \
    X(SIP_WEBHOOK_PATH, webhook_path, TEXT, "/webhooks/livekit", CHECK(check_url_path), RELOAD, "HTTP",                \
      "Path of the webhook's URL.")                                                                                    \
    X(SIP_MAX_BODY, max_body, SIZE, "1MiB", RANGE(KIB, 64 * MIB), RESTART, "HTTP",                                     \
      "A webhook with a longer body is refused, and its event lost.")                                                  \
    X(LOG_LEVEL, log_level, CHOICE, "info", CHOICES("error|warning|info|debug"), RELOAD, "Log",                        \
      "The least important records to write.")                                                                         \
    X(SIP_LOG_FORMAT, log_format, CHOICE, "text", CHOICES("text|json"), RELOAD, "Log",                                 \
      "One line of text or one JSON object per record.")                                                               \
    X(SIP_LOG_NUMBERS, log_numbers, CHOICE, "show", CHOICES("show|mask"), RELOAD, "Log",                               \
      "`mask` hides all but the last three digits of phone numbers, in room names, agents' output and the call log "   \
      "too.")                                                                                                          \
    X(SIP_CALL_LOG, call_log, TEXT, "", CHECK(check_absolute), RELOAD, "Log",                                          \
      "A file that gets one JSON line for each call that is over (doc/call-log.md); `sipbridge report` reads it. Not " \
      "set: none is kept.")
/* clang-format on */

#endif
