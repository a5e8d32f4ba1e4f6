/* The tables of this layer as diagrams: what is judged, in the order in which it is, and what comes of it. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "calls/exit.h"
#include "calls/verdict.h"

struct row {
    const char *id, *name, *text, *then; /* THEN: what comes of it, "" is nothing */
    const char *style;                   /* a class of the diagram */
};

/* A quote would end the label. */
static void add_label(struct buf *out, const char *text) {
    for (; *text != '\0'; text++) {
        buf_adds(out, *text == '"' ? "#quot;" : (char[]){*text, '\0'});
    }
}

static void add_box(struct buf *out, const char *id, const struct row *row) {
    buf_addf(out, "    %s%s[\"<b>%s</b>: ", id, row->id, row->name);
    add_label(out, row->text);
    buf_addf(out, "%s%s\"]:::%s\n", *row->then != '\0' ? "<br>" : "", row->then, row->style);
}

/* The boxes of ROWS one below the other, each reached where the one before does not hold. */
static void add_chain(struct buf *out, const char *id, const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        add_box(out, id, &rows[i]);
    }
    buf_adds(out, "    ");
    for (size_t i = 0; i < count; i++) {
        buf_addf(out, "%s%s%s", i > 0 ? " -->|else| " : "", id, rows[i].id);
    }
    buf_addc(out, '\n');
}

static void add_style(struct buf *out) {
    buf_adds(out, "    classDef calm fill:#eef2f7,stroke:#8796a8,color:#1b2733\n"
                  "    classDef run fill:#dff3e3,stroke:#3f8f57,color:#12331d\n"
                  "    classDef ask fill:#fff3d1,stroke:#b98a1a,color:#3d2e05\n"
                  "    classDef end_ fill:#f9dedc,stroke:#b3423a,color:#3f1210\n");
}

/* --- the life of a call --- */

static const struct row ends[] = {
#define X(reason, hang_up, text, when) \
    {#reason, #reason, text, (hang_up) ? "the caller is hung up" : "", (hang_up) ? "end_" : "calm"},
    CALL_ENDS(X)
#undef X
};

/* The words of the columns, by the names of the enums' members in the table. */
#define AGENT_WORDS_LEAVE ""
#define AGENT_WORDS_RUN "an agent is started"
#define AGENT_WORDS_STOP "the agent is told to stop"
#define AGENT_WORDS_KILL "the agent is killed"
#define ASK_WORDS_NOTHING ""
#define ASK_WORDS_NUMBER "LiveKit is asked for the number"
#define ASK_WORDS_ROOM "LiveKit is asked who is there"
#define ASK_WORDS_READY "LiveKit is asked whether it speaks"
#define ROOM_WORDS_KEEP ""
#define ROOM_WORDS_DELETE "the room is deleted"

static const char *phase_style(enum want_agent agent, enum want_ask ask) {
    return agent == AGENT_RUN ? "run" : agent != AGENT_LEAVE ? "end_" : ask != ASK_NOTHING ? "ask" : "calm";
}

static void add_phase(struct buf *out, const struct row *row, const char *more) {
    cleanup_free char *then = xasprintf("%s%s%s", row->then, *row->then != '\0' && *more != '\0' ? ", " : "", more);
    add_box(out, "p_", &(struct row){row->id, row->name, row->text, then, row->style});
}

void call_describe_life(struct buf *out) {
    buf_adds(out, "```mermaid\nflowchart TB\n    subgraph ends [\"Is it over? The first reason that holds\"]\n");
    add_chain(out, "e_", ends, ARRAY_LEN(ends));
    buf_adds(out, "    end\n    subgraph phases [\"What is done now? The first phase that holds\"]\n");
#define X(phase, label, text, when, agent, ask, room, until)                                                       \
    add_phase(out, &(struct row){#phase, label, text, AGENT_WORDS_##agent, phase_style(AGENT_##agent, ASK_##ask)}, \
              *ASK_WORDS_##ask != '\0' ? ASK_WORDS_##ask : ROOM_WORDS_##room);
    CALL_PHASES(X)
#undef X
    const char *arrow = "    ";
#define X(phase, label, text, when, agent, ask, room, until) \
    buf_addf(out, "%sp_%s", arrow, #phase);                  \
    arrow = " -->|else| ";
    CALL_PHASES(X)
#undef X
    buf_adds(out, "\n    end\n    ends ==> phases\n");
    add_style(out);
    buf_adds(out, "```\n");
}

/* --- exits --- */

#define EFFECT_WORDS_NOTHING "not counted: another agent comes if a caller is there"
#define EFFECT_WORDS_WAIT "2 s more for LiveKit's word"
#define EFFECT_WORDS_GIVE_UP "no other agent: the caller is hung up"
#define EFFECT_WORDS_LET_GO "the call is the other bridge's"
#define EFFECT_WORDS_COUNT_START "a failed start: another one at once, at most 3"
#define EFFECT_WORDS_COUNT_CRASH "a crash: another one at once, then after 1 and 2 s, at most 3 in a minute"
#define EFFECT_WORDS_HAND_OVER "the call goes on without an agent"
#define EFFECT_WORDS_END_CALL "the call is over: the caller is hung up"
#define EFFECT_STYLE_NOTHING "calm"
#define EFFECT_STYLE_WAIT "ask"
#define EFFECT_STYLE_GIVE_UP "end_"
#define EFFECT_STYLE_LET_GO "calm"
#define EFFECT_STYLE_COUNT_START "run"
#define EFFECT_STYLE_COUNT_CRASH "run"
#define EFFECT_STYLE_HAND_OVER "calm"
#define EFFECT_STYLE_END_CALL "end_"

static const struct row exits[] = {
#define X(meaning, effect, text, when) {#meaning, #meaning, text, EFFECT_WORDS_##effect, EFFECT_STYLE_##effect},
    EXIT_MEANINGS(X)
#undef X
};

void exit_describe(struct buf *out) {
    buf_adds(out, "```mermaid\nflowchart TB\n");
    add_chain(out, "w_", exits, ARRAY_LEN(exits));
    add_style(out);
    buf_adds(out, "```\n");
}
