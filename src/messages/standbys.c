/* Processes that wait for calls. */
#include "base/mem.h"
#include "messages/areas.h"

static const struct message messages[] = {
    {LOG_WARNING,
     "a standby failed: it {REASON}; the next one is started in {MILLISECONDS} ms at the earliest (failures in a row: "
     "{COUNT})",
     "It could not be started, was not ready within `SIP_STANDBY_TIMEOUT`, ended too soon, or did not take its call. "
     "Calls start "
     "processes of their own, and ring longer. After three in a row health is degraded.",
     "The last lines of its output follow. `sipbridge status` shows the pool; a mended agent is tried at once by "
     "`sipbridge "
     "reload` (doc/standby.md)."},
    {LOG_INFO, "its entry changed: its standbys are replaced",
     "The agent's entry, or settings in its environment, are others: those that wait are ended and started anew.", ""},
    {LOG_INFO, "a standby {REASON}", "One that had waited for long ended by itself; another is started.",
     "If it comes often, see `sipbridge calls logs` for its output."},
    {LOG_INFO, "a standby is replaced: {REASON}",
     "Its age, its memory or its program (`standby_max_age`, `standby_max_rss`): another one is started in its stead "
     "first.",
     ""},
    {LOG_DEBUG, "a standby is ready, {MILLISECONDS} ms after its start", "It said `READY=1`.", ""},
    {LOG_DEBUG, "{DIRECTORY}/{FILE} cannot be written: {ERROR}",
     "The note by which the next start would find this standby: it may then live until its standard input ends.",
     "Make room in `SIP_STATE_DIR`."},
};

const struct message_area messages_standbys = {"Standbys", messages, ARRAY_LEN(messages)};
