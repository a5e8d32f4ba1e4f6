/* Processes that agents leave behind. */
#include "base/mem.h"
#include "messages/areas.h"

static const struct message messages[] = {
    {LOG_ERROR,
     "control groups of agents that are over cannot be removed, {GROUP} for one: something in them waits in the "
     "kernel; they "
     "are looked for at the next start",
     "Everything in them got SIGKILL, and some process did not go for 5 s.",
     "`cat PATH/cgroup.procs` below `SIP_AGENT_CGROUP` names it; see what it waits for (`/proc/PID/wchan`)."},
    {LOG_ERROR,
     "processes that agents left behind are still there after {COUNT} rounds of SIGKILL; they are looked for again "
     "when the "
     "next agent ends",
     "They wait in the kernel, or start new ones faster than they are found.",
     "`ps -ef --forest` shows them below sipbridge; give agents control groups (`Delegate=yes`), which end them all at "
     "once."},
    {LOG_ERROR, "processes that agents left behind are still there after {COUNT} rounds of SIGKILL",
     "The same, of agents of a former start.", "End them by hand: they have `SIP_INSTANCE` in `/proc/PID/environ`."},
    {LOG_WARNING, "a process that an agent of a former start left in its control group: SIGKILL to it",
     "An agent of a former start ended while the bridge was away, and something that it had started did not.",
     "Nothing; if it comes often, let the agent end its helpers at SIGTERM."},
    {LOG_WARNING, "the agent left a process behind in its control group: SIGKILL to it",
     "The agent ended, and a process that it had moved out of its process group did not.",
     "Nothing; let the agent end and wait for its helpers."},
    {LOG_WARNING, "the agent left a process behind that had moved out of its group: SIGKILL to it",
     "The same where agents have no control groups.", "Nothing; let the agent end and wait for its helpers."},
    {LOG_WARNING,
     "an agent left the process {NAME} behind, which of them cannot be told (no SIP_INSTANCE to be seen); it is left "
     "alone: end "
     "it by hand if it should not run",
     "The process became ours and hides where it is from: it cleared its environment, or runs as another user.",
     "`ps -fp PID` (the pid is in the record); end it with kill. Control groups (`Delegate=yes`) make it findable."},
    {LOG_WARNING, "a process that an agent of a former start left, of no call that is known: SIGKILL to it",
     "It was started from this state directory, and its call is over or its journal entry was lost.",
     "Nothing; look for a message about the journal near it."},
    {LOG_WARNING, "the agent left a process behind that hides its environment: SIGKILL to it",
     "An agent that was taken back from a former start ended, and a process of its session did not.",
     "Nothing; let the agent end and wait for its helpers."},
};

const struct message_area messages_leftovers = {"What agents leave behind", messages, ARRAY_LEN(messages)};
