/* What comes in over HTTP. */
#include "base/mem.h"
#include "messages/areas.h"

static const struct message messages[] = {
    {LOG_ERROR, "cannot take a new connection: {ERROR}; those that come now wait, again in {MILLISECONDS} ms",
     "Most often no file descriptor is left (\"Too many open files\"), or no memory.",
     "Raise `LimitNOFILE` (`ulimit -n`); `sipbridge doctor`, check file-limit, says how many the calls need."},
    {LOG_ERROR, "waiting for HTTP requests failed: {ERROR}; they wait, again in 10 ms",
     "The kernel has no memory for it.", "See to the machine's memory: `free -m`, `journalctl -k`."},
    {LOG_WARNING,
     "a webhook from {ADDRESS} is not verified ({LABEL}): {REASON}, answered 401 and not acted on{MORE}; {HINT}",
     "A request to the webhook path is not LiveKit's, or is signed with a key that is not ours, or was changed on its "
     "way. "
     "LiveKit does not send it again.",
     "The hint at the end says what to look at; `sipbridge doctor` tries the whole way, and "
     "`sipbridge verify FILE --authorization TOKEN` judges a saved body. From strangers: let a firewall or proxy admit "
     "LiveKit only."},
    {LOG_WARNING, "a {METHOD} request from {ADDRESS} to the webhook path, answered 405{MORE}: LiveKit sends POST",
     "Somebody looked at the URL with a browser or a probe, or a proxy changed the method.",
     "Point probes at `/livez` or `/health/sip-bridge`. If LiveKit is behind it: doc/proxies.md."},
    {LOG_WARNING, "a webhook of LiveKit's from {ADDRESS} came to {PATH}, answered 404{MORE}: the path is {PATH}",
     "The URL in LiveKit's `webhook.urls` has another path than `SIP_WEBHOOK_PATH`, or a proxy changes it: no call is "
     "heard of.",
     "Mend the URL and restart LiveKit; `sipbridge doctor` shows the right one."},
    {LOG_WARNING,
     "a signed webhook from {ADDRESS} is not an event: {PROBLEM}, answered 400, LiveKit will not repeat it{MORE}",
     "The signature is good and the body is not what LiveKit sends: another program has the key, or a LiveKit that is "
     "too new "
     "or too old.",
     "Save the body and ask `sipbridge verify FILE --authorization TOKEN`; if it is LiveKit's, report its version."},
    {LOG_WARNING, "an event could not be queued, answered 503{MORE}: LiveKit sends it again",
     "More events wait than the queue holds, or the bridge is about to stop and takes no new calls (`drain`).",
     "While stopping nothing. Else the machine is too slow for the webhooks: `sipbridge_queue_events` and "
     "`sipbridge_loop_lag_seconds` of /metrics."},
    {LOG_WARNING,
     "more than {COUNT} events within {SECONDS} s: the oldest ids are forgotten early ({COUNT} so far), a repeat of "
     "those would be looked at again",
     "Very many webhooks: rooms that are no calls send theirs here too.",
     "Harmless for calls, whose events may be repeated. Give calls a LiveKit, or a webhook, of their own."},
};

const struct message_area messages_webhooks = {"Webhooks and HTTP", messages, ARRAY_LEN(messages)};
