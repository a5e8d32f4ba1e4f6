/* What the engine tells about a call's agent process. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "bridge/internal.h"

enum { NEVER_AGAIN_CODE = 125 };

static enum exit_fact exit_of(const struct engine_event *event) {
    if (event->exit_kind == EXIT_UNKNOWN) {
        return EXIT_NOT_KNOWN;
    }
    if (event->exit_kind == EXIT_CODE && event->exit_value == 0) {
        return EXIT_CLEAN;
    }
    bool never = event->exit_kind == EXIT_CODE && event->exit_value == NEVER_AGAIN_CODE;
    return never ? EXIT_NEVER_AGAIN : EXIT_CRASHED;
}

static void say_exit(const struct engine_event *event, char ret_text[64]) {
    switch (event->exit_kind) {
    case EXIT_CODE: snprintf(ret_text, 64, "status %d", event->exit_value); break;
    case EXIT_SIGNAL:
        snprintf(ret_text, 64, "signal %d (%s)", event->exit_value, sigdescr_np(event->exit_value));
        break;
    case EXIT_UNKNOWN: snprintf(ret_text, 64, "an unknown status"); break;
    }
}

/* Agents that LiveKit's end has disconnected crash, or end with status 0 and no word of their leaving. */
static bool may_be_for_livekit(const struct call *facts, bool crashed) {
    return crashed || (!facts->dismissed && facts->voice != VOICE_NONE);
}

static void exited(struct bridge *bridge, struct bridge_call *call, const struct engine_event *event,
                   struct call_event *noted) {
    char how[64];
    say_exit(event, how);
    noted->exit = exit_of(event);
    bridge->counters.exits++;
    if (call->entry.facts.dismissed && event->exit_kind == EXIT_SIGNAL && event->exit_value == SIGKILL) {
        call->kills++;
    }
    struct log_about about;
    bridge_about(call, &about);
    bool crashed = noted->exit != EXIT_CLEAN && !call->entry.facts.dismissed;
    if (crashed) {
        log_warning(&about, "the agent %s ended by itself with %s (call %s; sipbridge calls logs %s)", call->agent_name,
                    how, call->entry.sid, call->entry.sid);
        if (bridge->ports.show_output != NULL) {
            bridge->ports.show_output(bridge->ports.self, call->entry.sid);
        }
    } else {
        log_info(&about, "agent process is gone: %s", how);
    }
    if (may_be_for_livekit(&call->entry.facts, crashed)) {
        bridge->ports.livekit.suspect(bridge->ports.livekit.self, call->entry.sid, about.room);
    }
    bridge_trace(bridge, call, "event: process exited with %s", how);
    call->lost = 0;
    call->pid = 0;
    call->birth = 0;
}

static void failed(struct bridge *bridge, struct bridge_call *call, const struct engine_event *event) {
    char what[512];
    diag_text(&event->diag, what, sizeof what);
    bridge->counters.failed_starts++;
    struct log_about about;
    bridge_about(call, &about);
    log_error(&about, "the agent's process could not be started: %s", what);
    bridge_trace(bridge, call, "event: process could not be started");
}

static void started(struct bridge *bridge, struct bridge_call *call, const struct engine_event *event, mono_ms now) {
    call->pid = event->pid;
    call->birth = event->birth;
    if (call->asked_at != 0) {
        histogram_add(&bridge->times.start, (now - call->asked_at) * 1000);
        call->asked_at = 0;
    }
    struct log_about about;
    bridge_about(call, &about);
    long long after_ms = now - call->entry.facts.seen_at;
    if (call->warm) {
        log_info(&about, "a standby of the agent has the call, %lld ms after the first event of the call", after_ms);
    } else {
        log_info(&about, "agent process started, %lld ms after the first event of the call", after_ms);
    }
    bridge_trace(bridge, call, "event: process started");
}

/* What it cost is one more hand-over: nothing is held against the agent or counted for the call. */
static void lost(struct bridge *bridge, struct bridge_call *call, const struct engine_event *event) {
    char what[512];
    diag_text(&event->diag, what, sizeof what);
    bridge->counters.lost++;
    call->lost++;
    call->starts--; /* the next one is no replacement */
    call->pid = 0;
    call->birth = 0;
    struct log_about about;
    bridge_about(call, &about);
    log_warning(&about, "another process gets the call: its %s", what);
    bridge_trace(bridge, call, "event: the standby did not take the call");
}

void bridge_engine(struct bridge *bridge, const struct engine_event *event, mono_ms now) {
    struct bridge_call *call = call_of(table_find(&bridge->table, slice_of(event->label)));
    if (call == NULL || strcmp(call->instance, event->instance) != 0) {
        return; /* of a process that the call no longer knows */
    }
    struct call_event noted = {.kind = CALL_TICK};
    switch (event->kind) {
    case ENGINE_STARTED:
        noted.kind = CALL_PROCESS_STARTED;
        started(bridge, call, event, now);
        break;
    case ENGINE_START_FAILED:
        noted.kind = CALL_PROCESS_FAILED;
        bridge_note_failure(bridge, call, EXIT_CRASHED, now);
        failed(bridge, call, event);
        break;
    case ENGINE_EXITED:
        noted.kind = CALL_PROCESS_EXITED;
        exited(bridge, call, event, &noted);
        bridge_note_failure(bridge, call, noted.exit, now);
        break;
    case ENGINE_NOT_TAKEN:
        noted.kind = CALL_PROCESS_LOST;
        lost(bridge, call, event);
        break;
    case ENGINE_READY: bridge_trace(bridge, call, "event: the process says it is ready"); break;
    }
    bridge_note(bridge, call, &noted, now);
}
