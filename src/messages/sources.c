/* Rules and agents, and where they come from. */
#include "base/mem.h"
#include "messages/areas.h"

static const struct message messages[] = {
    {LOG_ERROR, "{DOCUMENT} from {SOURCE}: {PROBLEM}, no {DOCUMENT} are in use yet, calls wait for them",
     "The first rules or agents after the start cannot be read or have a mistake, and no good copy of former ones is "
     "on disk.",
     "`sipbridge rules check`, `sipbridge agents check` name the place of the mistake. A mended file or key is read at "
     "once."},
    {LOG_WARNING, "{DOCUMENT} from {SOURCE}: {PROBLEM}, keeping the {COUNT} {DOCUMENT} in use",
     "What was changed cannot be read or has a mistake: nothing of it counts, the former ones go on.",
     "`sipbridge rules check`, `sipbridge agents check`; a mended one is read at once."},
    {LOG_WARNING, "SIP_AGENT_COMMAND cannot be used: {PROBLEM}; every call will be hung up",
     "The one command of all agents has a mistake, or its program is not found.",
     "Mend `SIP_AGENT_COMMAND` (`sipbridge agents check`), then `sipbridge reload`."},
    {LOG_WARNING,
     "no agent is known: every call will be hung up; set SIP_AGENTS_FILE, SIP_AGENT_COMMAND, REDIS_URL or "
     "STIMM_API_URL, or "
     "write agents where they say",
     "The list of agents is empty, and there is no command for all names.",
     "`sipbridge agents list` shows where they are looked for. In Redis: hash `sip_agents`."},
    {LOG_WARNING, "agents from {SOURCE}: {AGENT} cannot be used: {PROBLEM}; calls go to what the rules name next",
     "The agent's entry has a mistake, or its program or directory is not there.",
     "`sipbridge agents check` as the user of the bridge; the mended entry is taken over at once."},
    {LOG_WARNING, "agents from {SOURCE}: {COUNT} more cannot be used", "Only the first twenty are told one by one.",
     "`sipbridge agents check` lists them all."},
    {LOG_WARNING, "agents from {SOURCE}: {PROBLEM}", "Something in the agents is odd, and they are in use.",
     "`sipbridge agents check` shows the same."},
    {LOG_WARNING, "rules from {SOURCE}: {PROBLEM}",
     "Something in the rules is odd, for example a rule that another one before it hides, and they are in use.",
     "`sipbridge rules check` shows the same; `sipbridge rules list` shows the order in which they are tried."},
    {LOG_WARNING,
     "the last good copy cannot be kept in {PROBLEM}: after a restart without their source there are no {DOCUMENT}",
     "`SIP_STATE_DIR` is full or not writable. What is in use stays in use.",
     "Make room, or give the directory back to the bridge's user (`sipbridge doctor`, check state-dir)."},
    {LOG_WARNING, "the last good copy of the {DOCUMENT} cannot be read: {WHERE}: {PROBLEM}",
     "At a start without the source of the rules: the copy on disk is not readable. Calls wait for the source.",
     "Bring Redis, Stimm or the file back; `sipbridge doctor` checks the directory (state-dir)."},
    {LOG_WARNING, "the last good copy of the {DOCUMENT}, {DIRECTORY}/{FILE}, cannot be used: {PROBLEM}",
     "It is damaged, or was written by a later version.", "Bring the source back; the copy is written anew then."},
    {LOG_WARNING, "{PEER} {ADDRESS}: {ERROR}, {MEANWHILE}, again {WHEN}",
     "Redis or Stimm cannot be reached, refuses us, or answers something else. The last known rules and agents are in "
     "use; on a "
     "first start calls wait.",
     "`sipbridge doctor` (checks redis, redis-types) tells more; mend `REDIS_URL` or `STIMM_API_URL`, or start the "
     "server. It "
     "is tried again by itself."},
    {LOG_WARNING, "Redis {ADDRESS}: connected, but it does not tell of changes ({ERROR}): they are seen within 30 s",
     "Client tracking is refused: a Redis before 6, a proxy before it, or a user without the right to it.",
     "Use Redis 6 or later without a proxy, and let the user run CLIENT and SUBSCRIBE; or live with the half minute, "
     "which `sipbridge reload` cuts short."},
    {LOG_INFO, "{DOCUMENT} from {SOURCE}: {COUNT} in use now", "At the start, and whenever they were changed.", ""},
    {LOG_INFO, "{DOCUMENT} from {SOURCE}: the {COUNT} in use are the newest",
     "The source is there and has what was in use already (from the last good copy).", ""},
    {LOG_INFO, "Redis {ADDRESS}: connected, changes are seen at once", "At the start, or after it was away.", ""},
    {LOG_INFO, "Redis {ADDRESS}: connected", "As before, without word of changes: the warning about it was given.", ""},
    {LOG_INFO, "Stimm {ADDRESS}: gives its agents again", "After it was away or answered something else.", ""},
};

const struct message_area messages_sources = {"Rules and agents, Redis, Stimm", messages, ARRAY_LEN(messages)};
