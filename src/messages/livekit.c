/* LiveKit's API and its list of rooms. */
#include "base/mem.h"
#include "messages/areas.h"

static const struct message messages[] = {
    {LOG_ERROR,
     "LiveKit lists {COUNT} of {COUNT} calls no more: too many to be believed, none is ended for it, but LiveKit is "
     "asked for "
     "their callers one by one; is it the right LiveKit, and was its Redis emptied? `sipbridge calls stop` ends single "
     "ones",
     "More than half of the calls are gone from LiveKit's list at once, and no webhook said so: another LiveKit "
     "answers, or it "
     "lost its memory.",
     "See whether `LIVEKIT_URL` and `LIVEKIT_API_URL` are the LiveKit of these calls: `sipbridge list-rooms` shows its "
     "rooms. "
     "Calls that are really over: `sipbridge calls stop SID`."},
    {LOG_ERROR,
     "LiveKit has a call that no webhook told of; until one comes LiveKit is asked every {SECONDS} s. Add to its "
     "configuration: "
     "webhook: {api_key: <LIVEKIT_API_KEY>, urls: [\"http://<this machine>:8790/webhooks/livekit\"]}; `sipbridge "
     "doctor` tries it",
     "LiveKit does not send its webhooks here: not configured, to another address, or something between swallows them. "
     "Calls "
     "are found by asking, seconds late.",
     "`sipbridge doctor` makes a room and says what became of its webhook; with a proxy between, `sipbridge doctor "
     "--webhook-url "
     "URL`."},
    {LOG_WARNING, "LiveKit's API cannot be reached: {ERROR}; calls in progress live on, it is asked again",
     "Nobody answers at `LIVEKIT_API_URL` (or `LIVEKIT_URL`), the key is refused, or it is no LiveKit. No call can be "
     "hung up "
     "meanwhile, and no lost webhook heals.",
     "`sipbridge doctor` (checks livekit, api-key, clock) says which; start LiveKit or mend the URL or key."},
    {LOG_WARNING, "LiveKit does not answer: no agent is started or given up until it does",
     "Agents could not join now and would fail for it: the bridge waits. Webhooks or an answer end the wait.",
     "See to LiveKit: `sipbridge doctor`."},
    {LOG_WARNING, "LiveKit could not be asked to {WISH}: {ERROR} (and {COUNT} questions before it)",
     "A request to LiveKit's API failed, retries included; so did others before it. What says \"trying again\" is "
     "tried "
     "again.",
     "`sipbridge status`, line livekit, tells whether it answers now; `sipbridge doctor` tries each grant of the key."},
    {LOG_WARNING, "LiveKit does not list this room any more, and no webhook said so: the call is over",
     "A webhook about the room's end was lost; twice in a row LiveKit did not list it. The agent is stopped.",
     "Once is chance (a restart of LiveKit). If it comes often: `sipbridge doctor`, check webhook."},
    {LOG_WARNING, "{WHO} is not in the room any more, and no webhook said so",
     "The webhook of somebody's leaving was lost; LiveKit was asked twice.",
     "As above: `sipbridge doctor` if it comes often."},
    {LOG_WARNING, "a stale room could not be deleted: {ERROR}",
     "A room of our prefix without people in it was to be deleted, and LiveKit refused or did not answer.",
     "It is tried again. `sipbridge doctor` checks the grant roomCreate; `sipbridge clear-sip-bridge` deletes all such "
     "rooms (and ends the calls)."},
    {LOG_WARNING, "let go for another bridge, but nobody serves its callers: the call begins anew",
     "An agent of the call's identity pushed ours out, so the call was left to the bridge that had started it; but "
     "LiveKit lists callers without an agent, twice in five seconds.",
     "See to the other bridge: one at a time should serve a `SIP_ROOM_PREFIX`. Without another one: is something "
     "between LiveKit and sipbridge that sends webhooks in another order?"},
    {LOG_INFO, "LiveKit's API answers", "At the start, or after it was away.", ""},
    {LOG_INFO, "LiveKit answers again", "Calls that waited for it get their agents.", ""},
    {LOG_INFO, "LiveKit's list of rooms is believable again", "It has most of the calls again.", ""},
    {LOG_INFO, "webhooks arrive again", "One came after LiveKit had calls that none had told of.", ""},
    {LOG_INFO, "a stale room without people is deleted",
     "A room of our prefix had nobody in it and no call: left by a call that ended while the bridge was away.", ""},
    {LOG_INFO, "a caller whom no webhook told of was found in LiveKit and is served",
     "Found by comparing LiveKit's list (`SIP_RECONCILE`), or at the start.",
     "At a start nothing; else webhooks are lost: `sipbridge doctor`."},
    {LOG_DEBUG, "LiveKit could not be asked to {WISH}: {ERROR}",
     "As the warning of this text, which comes at most every ten seconds.", ""},
};

const struct message_area messages_livekit = {"LiveKit", messages, ARRAY_LEN(messages)};
