/* Any bytes as a webhook body: no crash, and what is accepted keeps the promises of webhooks/event.h. */
#include "fuzz.h"
#include "webhooks/event.h"

static void check_event(const struct webhook_event *event) {
    demand_text(event->name, EVENT_MAX_SID);
    demand_text(event->id, EVENT_MAX_SID);
    demand_text(event->room.sid, EVENT_MAX_SID);
    demand_text(event->room.name, EVENT_MAX_NAME);
    demand_text(event->room.metadata, SIZE_MAX);
    demand_text(event->participant.sid, EVENT_MAX_SID);
    demand_text(event->participant.identity, EVENT_MAX_NAME);
    demand_text(event->participant.called, EVENT_MAX_NAME);
    demand_text(event->participant.caller, EVENT_MAX_NAME);
    demand_text(event->participant.trunk_id, EVENT_MAX_NAME);
    demand_text(event->participant.rule_id, EVENT_MAX_NAME);
    demand_text(event->participant.attributes, SIZE_MAX);
    demand_text(event->track.sid, EVENT_MAX_SID);
    demand(event->kind <= EVENT_track_unpublished && event->participant.kind <= KIND_OTHER);
    demand(event->participant.disconnect_reason <= DISCONNECT_USER_OTHER && event->track.type <= TRACK_DATA);
    demand(event->participant.kind == KIND_SIP || event->participant.called.n + event->participant.rule_id.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct diag diag = {0};
    struct webhook_event *event = event_parse((struct slice){(const char *)data, size}, &diag);
    if (event == NULL) {
        demand(diag.what[0] != '\0');
        return 0;
    }
    check_event(event);
    struct webhook_event *copy = event_copy(event);
    event_free(event);
    check_event(copy);
    event_free(copy);
    return 0;
}
