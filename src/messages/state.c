/* What is kept on disk: the journal of calls, the call log. */
#include "base/mem.h"
#include "messages/areas.h"

static const struct message messages[] = {
    {LOG_ERROR,
     "{DIRECTORY}/{FILE} cannot be written: {ERROR}; the call goes on, but a restart now would end its agent (and "
     "{COUNT} times "
     "before)",
     "The journal in `SIP_STATE_DIR` has no room or no right to write. It is tried again every second; health is "
     "degraded.",
     "Make room or give the directory back (`sipbridge doctor`, check state-dir). Do not restart before \"the journal "
     "can be "
     "written again\"."},
    {LOG_ERROR, "the journal cannot be written, so the next start could not take the calls back",
     "The bridge was told to stop. It waits for its calls instead of leaving them (doc/restart.md).",
     "Make room in `SIP_STATE_DIR` before the next stop; now let the calls end, or send SIGTERM again, which ends "
     "them."},
    {LOG_ERROR, "{DIRECTORY}/{FILE} is no entry of the journal that can be used: {PROBLEM}; {FATE}",
     "A file is damaged, cut short, of another user or of a later version. Its call is unknown: the agent is ended, "
     "and gets "
     "a successor when LiveKit tells of the call.",
     "Look at it in `journal/set-aside`. After a downgrade nothing; else see to the disk (`journalctl -k`)."},
    {LOG_ERROR, "a process of a former start cannot be taken back: {WHERE} {PROBLEM}",
     "The journal has a name that no agent can have: somebody edited it, or the disk is damaged.",
     "The process is left alone: end it by hand (`SIP_INSTANCE` in `/proc/PID/environ`)."},
    {LOG_ERROR, "{FILE} is damaged and written anew: who is in the calls of the former start is found out again",
     "The numbers that tell this directory's agents from others' are lost. Calls of the journal go on; processes of "
     "the former "
     "start without a call are not known as ours any more.",
     "See to the disk; agents without a call: `ps`, then kill."},
    {LOG_ERROR, "the call log {FILE} {ERROR}; calls go on, its lines wait and are written when that is mended",
     "`SIP_CALL_LOG` cannot be opened or written: full disk, missing directory, no right.",
     "Mend what the error says; up to a limit lines wait in memory (doc/call-log.md). A path of another place: change "
     "it and "
     "`sipbridge reload`."},
    {LOG_ERROR, "lines of the call log {FILE} that could not be written and are lost: {COUNT}",
     "The bridge stopped, or got another path, while the lines could not be written.",
     "`call ended` in the log has the same facts of each call."},
    {LOG_INFO, "the call log {FILE} is written again; lines lost: {COUNT}", "After it could not be.", ""},
    {LOG_INFO, "the journal can be written again: a restart harms no call", "After it could not be.", ""},
    {LOG_INFO, "calls taken back from a former start: {COUNT}, agents' processes: {COUNT}",
     "After a restart: these go on.", ""},
    {LOG_INFO, "a call of a former start is not taken back: its {WHERE} {PROBLEM}",
     "Most often the machine was restarted meanwhile, so that the agent is gone.",
     "Nothing: if the call lives LiveKit tells of it and it gets a new agent."},
};

const struct message_area messages_state = {"Journal and call log", messages, ARRAY_LEN(messages)};
