/* Starting and ending agents' processes, and what they may do. */
#include "base/mem.h"
#include "messages/areas.h"

static const struct message messages[] = {
    {LOG_ERROR, "the kernel killed the agent: its processes needed more memory than SIP_AGENT_MEMORY_MAX",
     "All processes of the agent were ended by the kernel. In a call the agent is replaced.",
     "Raise `SIP_AGENT_MEMORY_MAX` (a restart takes it over), or find what grows: `sipbridge calls logs SID`."},
    {LOG_ERROR, "no file for the agent's output: {WHERE} {PROBLEM}; it starts and its output is lost",
     "The file in `SIP_STATE_DIR/calls` cannot be made: the disk is full, or the directory is not ours.",
     "Make room, or lower `SIP_LOG_MAX` and `SIP_LOG_KEEP`; `sipbridge doctor` checks the directory (state-dir)."},
    {LOG_ERROR, "what the agent writes stays in {FILE}.log: {WHERE} {PROBLEM}",
     "The output of a standby that got a call could not be renamed to the call's. The call goes on.",
     "Look for it under the standby's name in `SIP_STATE_DIR/calls`; the problem says what is wrong with the "
     "directory."},
    {LOG_ERROR,
     "agent {AGENT} is still there {SECONDS} s after SIGKILL: it waits in the kernel; nothing more can be done, its "
     "end is "
     "told when the kernel lets go of it",
     "The process waits for a device or a network file system that does not answer. The call is hung up all the same.",
     "`cat /proc/PID/wchan` and `journalctl -k` tell what it waits for; mend that, or restart the machine."},
    {LOG_WARNING,
     "the standby of agent {AGENT} did not read its call's line within {MILLISECONDS} ms: another process gets the "
     "call",
     "A process that said `READY=1` hangs, or does not read its standard input. It is killed.",
     "Let the agent read its line in the loop that it waits in (doc/agents.md, \"As a standby\")."},
    {LOG_WARNING,
     "the arguments {ARGUMENTS} of agent {AGENT} would begin with '-' and are left out, so that a caller cannot pass "
     "options; "
     "it starts without them",
     "`{caller}`, `{called}` or `{room}` in the agent's command stands for something that begins with a dash.",
     "Let the agent take these from its environment (`SIP_CALLER_NUMBER`, `SIP_CALLED_NUMBER`, `SIP_ROOM_NAME`) "
     "instead of its command."},
    {LOG_WARNING, "{WHERE} {PROBLEM}; the agent starts without it",
     "The socket on which the agent may say `READY=1` cannot be made. It starts; that it is ready shows when it "
     "speaks.",
     "The problem says why: most often no descriptor is left (`LimitNOFILE`), or `SIP_STATE_DIR` is full or not ours."},
    {LOG_WARNING, "{WHERE} {PROBLEM}; the agent starts in ours",
     "No control group can be made for the agent. It starts in the bridge's own; a process that leaves its session may "
     "then be "
     "missed when it ends.",
     "See the problem; `SIP_AGENT_CGROUP` names another place, `off` does without."},
    {LOG_WARNING, "agents have no control groups: {WHERE} {PROBLEM}",
     "A control group was delegated to the bridge and cannot be used. Agents run all the same, without limits of their "
     "own.",
     "Set `Delegate=yes` in the unit, or name a group in `SIP_AGENT_CGROUP`; `SIP_AGENT_CGROUP=off` silences this."},
    {LOG_WARNING, "the limits of {DIRECTORY}/{GROUP} cannot be set again: {ERROR}",
     "After a restart with other limits those of an agent that runs on stay as they were.",
     "Nothing for this call; if it comes for each, see whether the group is still delegated to us."},
    {LOG_WARNING,
     "without CAP_SYS_PTRACE the environments of the agents' user cannot be read: a process that leaves its agent's "
     "session is "
     "not found when the agent ends",
     "`SIP_AGENT_USER` is another user than the bridge's, and the bridge lacks that capability.",
     "Add `CAP_SYS_PTRACE` to the unit's `AmbientCapabilities=` (deploy/systemd), or give agents control groups "
     "(`Delegate=yes`)."},
    {LOG_WARNING, "no child subreaper ({ERROR}): what a daemonised agent leaves behind cannot be found",
     "The kernel or a system call filter refuses prctl(2).",
     "Allow `PR_SET_CHILD_SUBREAPER` in the container's or the unit's filter."},
    {LOG_WARNING, "the capabilities that programs inherit cannot be cleared ({ERROR}): agents have them",
     "The bridge runs with inheritable or ambient capabilities, and may not drop them.",
     "Start it without them, or allow capset(2) in the unit's `SystemCallFilter=`."},
    {LOG_WARNING, "PR_SET_NO_NEW_PRIVS fails ({ERROR}): setuid programs give agents more rights",
     "The kernel or a filter refuses prctl(2).", "Allow it, or set `NoNewPrivileges=yes` in the unit."},
    {LOG_WARNING,
     "{DIRECTORY}: this file system cannot cut files ({ERROR}): output grows past SIP_LOG_MAX; use ext4, xfs or tmpfs",
     "An agent wrote more than `SIP_LOG_MAX`, and the oldest of it cannot be freed on this file system.",
     "Put `SIP_STATE_DIR` on ext4, xfs or tmpfs, or let agents write less."},
    {LOG_INFO, "agent {AGENT} did not stop in time: SIGKILL to its process group",
     "It was told to end by SIGTERM and was still there after `stop_timeout` (`SIP_STOP_TIMEOUT`).",
     "Let the agent end at SIGTERM, or raise the time if it has work to do."},
    {LOG_INFO, "each agent has a control group of its own below {PATH}",
     "At the start: everything that an agent starts is ended with it.", ""},
    {LOG_INFO, "removed {COUNT} output files of agents older than SIP_LOG_KEEP", "Looked at once an hour.", ""},
};

const struct message_area messages_agents = {"Agents' processes", messages, ARRAY_LEN(messages)};
