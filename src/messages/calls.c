/* A call from its first event to its end. */
#include "base/mem.h"
#include "messages/areas.h"

static const struct message messages[] = {
    {LOG_ERROR, "{COUNT} calls are in progress, no more are taken: this one gets no agent (and {COUNT} before it)",
     "100,000 rooms are taken for calls at once: the stop for runaway memory. At most one such record a second.",
     "So many are no phone calls: see with `sipbridge list-rooms` who makes the rooms, and narrow `SIP_ROOM_PREFIX`. "
     "Set "
     "`SIP_MAX_CALLS` to what the machine can bear."},
    {LOG_ERROR, "the agent's process could not be started: {PROBLEM}",
     "Its command is not found or may not be executed, its `cwd` is not there, or the system has no room for one more "
     "process or file. The call tries again, three times at most, then it is hung up.",
     "`sipbridge agents check` as the user of the bridge names what is wrong. \"no file descriptor\": raise "
     "`LimitNOFILE` "
     "(`ulimit -n`); \"Resource temporarily unavailable\": raise `TasksMax` or `nproc`."},
    {LOG_ERROR, "the agent failed again and again: calls get their next choice for {SECONDS} s, then one call tries it",
     "Five processes in a row failed, in more than one call. The agent is left alone for a while; its calls go to the "
     "next "
     "rule that matches, then to `DEFAULT_SIP_AGENT`, else they are hung up.",
     "`sipbridge calls logs SID` of a call of that agent shows what it said. When it is mended, `sipbridge reload` "
     "tries it "
     "at once (doc/overload.md)."},
    {LOG_WARNING, "the room's metadata name nobody: {PROBLEM}; the rules decide",
     "LiveKit's dispatch rule, or who made the room, wrote an `agent_name` that no agent can have.",
     "`sipbridge dispatch list` shows the rules; create the one that wrote it anew."},
    {LOG_WARNING, "the agent {AGENT} ended by itself with {STATUS} (call {CALL}; sipbridge calls logs {CALL})",
     "The agent's process crashed in a call: a status other than 0, or a signal, and nobody had told it to end. It is "
     "replaced: at once, then after 1 and 2 s, at most three times in a minute.",
     "Read the lines that follow, or all of them with `sipbridge calls logs SID`. \"signal 9\" that was not ours is "
     "often "
     "the kernel short of memory (`journalctl -k`)."},
    {LOG_WARNING, "the agent published no audio within {MILLISECONDS} ms of its start, killing it",
     "The phone rang all that time: the agent started, but did not join the room or did not speak. Another process is "
     "started in its place.",
     "`sipbridge calls logs SID` shows how far it came. `sipbridge doctor` says whether agents can join (`livekit`, "
     "`api-key`, `clock`). One that needs longer: keep it in standby (doc/standby.md), or raise `SIP_READY_TIMEOUT`."},
    {LOG_WARNING, "ending the call: {REASON} (call {CALL}): its caller is hung up",
     "No agent can be had for the call: none is known, all are broken, full or failing, or no rule and no default "
     "names "
     "one.",
     "`sipbridge rules explain NUMBER` tells step by step why nobody answers; `sipbridge agents check` tells why an "
     "agent is "
     "broken."},
    {LOG_WARNING, "ending the call: {REASON} (call {CALL}; sipbridge calls logs {CALL}): its caller is hung up",
     "The call's agent failed too often: three replacements failed too, or it ended with status 125.",
     "`sipbridge calls logs SID` shows what each of its processes said."},
    {LOG_WARNING, "another process gets the call: its {PROBLEM}",
     "A standby was given the call and died, or did not read its line. The call goes to the next standby, or to a "
     "process "
     "of its own, and counts no failure.",
     "Once is bad luck. If it comes again, the agent does not do what a standby must (doc/agents.md): `sipbridge calls "
     "logs "
     "SID` has its output."},
    {LOG_WARNING,
     "the caller's attributes are too long for the agent's line ({SIZE} of at most {SIZE} bytes), left out",
     "LiveKit told more of the caller than fits into the line that the agent reads at its start. The agent starts and "
     "gets "
     "the line without the attributes.",
     "Let the trunk map fewer SIP headers to attributes. The agent can read them from the caller's participant in the "
     "room."},
    {LOG_WARNING, "agent {AGENT} is no longer in the directory: another one is chosen",
     "The agent of a call has to be replaced, and its entry is gone or broken since the call began (or since the "
     "former "
     "start).",
     "Nothing, if the entry was removed on purpose; else put it back: `sipbridge agents list`."},
    {LOG_WARNING, "caller {CALLER} rejected: {REASON}",
     "A rule with `\"reject\": true` matches, or the caller came through no trunk (`SIP_REQUIRE_TRUNK`). No agent "
     "answers "
     "this caller, who is removed from the room.",
     "Nothing, if that is meant. Else `sipbridge rules explain NUMBER --caller CALLER` names the rule; calls that come "
     "without a trunk on purpose need `SIP_REQUIRE_TRUNK=false`."},
    {LOG_WARNING, "caller {CALLER} rejected: a reject rule matches",
     "The same for a caller whose number, or the rules, came after the caller.",
     "Nothing, if that is meant. Else `sipbridge rules explain NUMBER --caller CALLER` names the rule."},
    {LOG_INFO, "room started", "LiveKit made a room whose name begins with `SIP_ROOM_PREFIX`: a call may begin.", ""},
    {LOG_INFO, "room finished", "LiveKit closed the call's room: the call is over.", ""},
    {LOG_INFO, "caller {CALLER} joined, called {NUMBER}",
     "A caller is in the room. Empty numbers are hidden, or not told yet: then LiveKit is asked for them.", ""},
    {LOG_INFO, "agent joined the room", "The agent's participant is there; the phone rings until it publishes audio.",
     ""},
    {LOG_INFO, "{WHO} left: {REASON}",
     "The agent, a caller or somebody else left the room; the reason is LiveKit's (`CLIENT_INITIATED`: hung up, or "
     "left by "
     "itself).",
     ""},
    {LOG_INFO, "agent process started, {MILLISECONDS} ms after the first event of the call",
     "The agent's process is there. The wait for the called number is in the time.",
     "If it is long: let the rules or the room's name decide without the number (doc/rules.md)."},
    {LOG_INFO, "a standby of the agent has the call, {MILLISECONDS} ms after the first event of the call",
     "A process that waited for calls was given this one.", ""},
    {LOG_INFO, "answered: the agent's audio is there after {MILLISECONDS} ms of ringing",
     "The phone stops ringing and the caller hears the agent.", "If it takes long: doc/standby.md."},
    {LOG_INFO, "agent process is gone: {STATUS}", "The agent's process ended with status 0, or because it was told to.",
     ""},
    {LOG_INFO, "ending the call: {REASON}", "The call's end begins: the agent is told to stop and the room is deleted.",
     ""},
    {LOG_INFO, "call ended: {REASON}",
     "The last record of a call, with `why`, `answered`, `ring_ms` and `restarts`; the same goes to `SIP_CALL_LOG`.",
     "Not answered? `NO_AGENT`: `sipbridge rules explain NUMBER`. `AGENT_FAILED`: `sipbridge calls logs SID`. "
     "`OVERLOAD`: `limit=` (doc/overload.md). `REJECTED`: `caller … rejected` before it. `CALLER_LEFT`: the caller "
     "gave up after `ring_ms`."},
    {LOG_INFO, "the agent wrote nothing", "It crashed, and there are no last lines of it.", ""},
    {LOG_INFO, "agent says: {LINE}", "One of the last lines that an agent wrote before it crashed.", ""},
    {LOG_INFO, "this call tries the agent, which failed again and again before",
     "The time for which the agent was left alone is over; this call is its trial.",
     "`sipbridge status` shows how it went."},
    {LOG_INFO, "the agent speaks again: it is started for every call as before", "The trial went well.", ""},
};

const struct message_area messages_calls = {"Calls", messages, ARRAY_LEN(messages)};
