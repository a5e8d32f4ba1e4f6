/* What the bridge says of a call: who a log record is about, and lines for those who trace. */
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "bridge/internal.h"

void bridge_about(const struct bridge_call *call, struct log_about *ret_about) {
    *ret_about = (struct log_about){
        .call = slice_of(call->entry.sid),
        .room = call->entry.room,
        .agent = slice_of(call->agent_name),
        .pid = call->pid,
    };
}

void bridge_trace(const struct bridge *bridge, const struct bridge_call *call, const char *format, ...) {
    if (bridge->ports.trace == NULL) {
        return;
    }
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    bridge->ports.trace(bridge->ports.self, call->entry.sid, line);
}

void bridge_warn_attributes(const struct bridge_call *call, size_t size) {
    struct log_about about;
    bridge_about(call, &about);
    log_warning(&about, "the caller's attributes are too long for the agent's line (%zu of at most %d bytes), left out",
                size, ENGINE_LINE_MAX);
}
