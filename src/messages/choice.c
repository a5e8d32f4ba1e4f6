/* Who answers, and why nobody does. */
#include "base/mem.h"
#include "messages/areas.h"

static const struct message messages[] = {
    {LOG_WARNING, "no agent for this call: {REASON}",
     "No rule that matches names an agent that can be had, and neither does `DEFAULT_SIP_AGENT`. The caller is hung "
     "up.",
     "`sipbridge rules explain NUMBER` goes through the rules one by one."},
    {LOG_WARNING, "no agent for this call: {LIMIT} (and {COUNT} before it)",
     "A limit of the machine is reached: the call is hung up at once. This is told once a second as a warning, in "
     "between as "
     "information.",
     "`sipbridge status`, line limits, shows how far each is used. Raise `SIP_MAX_CALLS` or `SIP_MAX_STARTS` if the "
     "machine "
     "can bear more (doc/overload.md); if memory is short, give it more or fewer calls."},
    {LOG_WARNING, "choosing: {PROBLEM}, going on without it",
     "A rule, the room or `DEFAULT_SIP_AGENT` names an agent that is not in the directory, is broken, has as many "
     "calls as "
     "its `max`, or is left alone because it failed. The next choice is taken: perhaps the wrong agent answers.",
     "`sipbridge rules check` lists names that no agent has, `sipbridge agents check` broken agents, `sipbridge "
     "status` those "
     "that fail."},
    {LOG_INFO, "chosen: {CHOICE}", "Which agent answers, and by which rule.",
     "If it is the wrong one: `sipbridge rules explain NUMBER`."},
    {LOG_INFO, "no agent for this call: {LIMIT}",
     "As the warning of this text: a limit is reached, the call is hung up.", "See there."},
    {LOG_INFO, "the called number is hidden; the trunk {TRUNK} has only {NUMBER}",
     "LiveKit's dispatch rule hides numbers; the trunk has one number, so it was that.",
     "With several numbers on a trunk set `hide_phone_number` to false there (`sipbridge doctor`, check "
     "hidden-numbers)."},
    {LOG_DEBUG, "choosing: {STEP}", "Each step of the decision, as `sipbridge rules explain` prints it.", ""},
};

const struct message_area messages_choice = {"Who answers", messages, ARRAY_LEN(messages)};
