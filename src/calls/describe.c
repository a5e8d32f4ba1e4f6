/* The tables of this layer as diagrams: what is judged, in the order in which it is, and what comes of it. */
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "calls/exit.h"
#include "calls/verdict.h"

struct row {
    const char *name, *text; /* without a quotation mark, which would end the label */
    const char *then;        /* what comes of it; "": nothing */
    const char *style;       /* a class of the diagram */
};

/* Boxes one below the other: each is looked at where those above do not hold. */
struct chain {
    struct buf *out;
    unsigned boxes;
    bool is_open;
    struct row last; /* of the box that is open */
};

static void chain_begin(struct chain *chain, struct buf *out) {
    *chain = (struct chain){.out = out};
    buf_adds(out,
             "```mermaid\n%%{init: {\"flowchart\": {\"wrappingWidth\": 640, \"rankSpacing\": 20}}}%%\nflowchart TB\n");
}

static void chain_close(struct chain *chain) {
    if (chain->is_open) {
        const char *then = chain->last.then;
        buf_addf(chain->out, "%s%s%s\"]:::%s\n", *then != '\0' ? "<br><i>" : "", then, *then != '\0' ? "</i>" : "",
                 chain->last.style);
        chain->is_open = false;
    }
}

static void chain_title(struct chain *chain, const char *title) {
    chain_close(chain);
    buf_addf(chain->out, "    b%u([\"%s\"])\n", chain->boxes++, title);
}

/* Rows of which the same comes share a box. */
static void chain_add(struct chain *chain, struct row row) {
    if (chain->is_open && strcmp(chain->last.then, row.then) == 0) {
        buf_adds(chain->out, "<br>");
    } else {
        chain_close(chain);
        buf_addf(chain->out, "    b%u[\"", chain->boxes++);
    }
    buf_addf(chain->out, "<b>%s</b>: %s", row.name, row.text);
    chain->last = row;
    chain->is_open = true;
}

static void chain_end(struct chain *chain) {
    chain_close(chain);
    for (unsigned i = 0; i < chain->boxes; i++) {
        buf_addf(chain->out, "%sb%u", i == 0 ? "    " : " --> ", i);
    }
    buf_adds(chain->out, "\n    classDef calm fill:#eef2f7,stroke:#8796a8,color:#1b2733\n"
                         "    classDef run fill:#dff3e3,stroke:#3f8f57,color:#12331d\n"
                         "    classDef ask fill:#fff3d1,stroke:#b98a1a,color:#3d2e05\n"
                         "    classDef stop fill:#f9dedc,stroke:#b3423a,color:#3f1210\n```\n");
}

/* --- the life of a call: the columns' words, by the names of the enums' members in the table --- */

#define AGENT_WORDS_LEAVE ""
#define AGENT_WORDS_RUN "an agent is started"
#define AGENT_WORDS_STOP "its agent is told to stop"
#define AGENT_WORDS_KILL "its agent is killed"
#define ASK_WORDS_NOTHING ""
#define ASK_WORDS_NUMBER "LiveKit is asked for the number"
#define ASK_WORDS_ROOM "LiveKit is asked who is there"
#define ASK_WORDS_READY "LiveKit is asked whether it speaks"
#define ROOM_WORDS_KEEP ""
#define ROOM_WORDS_DELETE ", the room is deleted"

static const char *phase_style(enum want_agent agent, enum want_ask ask) {
    if (agent != AGENT_LEAVE) {
        return agent == AGENT_RUN ? "run" : "stop";
    }
    return ask != ASK_NOTHING ? "ask" : "calm";
}

void call_describe_life(struct buf *out) {
    struct chain chain;
    chain_begin(&chain, out);
    chain_title(&chain, "after every event and at every deadline: is it over? The first reason that holds");
#define X(reason, hang_up, text, when) \
    chain_add(&chain,                  \
              (struct row){#reason, text, (hang_up) ? "the caller is hung up" : "", (hang_up) ? "stop" : "calm"});
    CALL_ENDS(X)
#undef X
    chain_title(&chain, "what is done now? The first phase that holds");
#define X(phase, label, text, when, agent, ask, room, until)                                           \
    chain_add(&chain, (struct row){label, text, AGENT_WORDS_##agent ASK_WORDS_##ask ROOM_WORDS_##room, \
                                   phase_style(AGENT_##agent, ASK_##ask)});
    CALL_PHASES(X)
#undef X
    chain_end(&chain);
}

/* --- exits --- */

#define EFFECT_WORDS_NOTHING "not counted; another one comes if a caller is there"
#define EFFECT_WORDS_WAIT "looked at again when LiveKit tells more, or 2 s are over"
#define EFFECT_WORDS_GIVE_UP "no other one: the caller is hung up"
#define EFFECT_WORDS_LET_GO "the call is left to the other bridge"
#define EFFECT_WORDS_COUNT_START "a failed start: another one at once, at most 3"
#define EFFECT_WORDS_COUNT_CRASH "a crash: another one at once, then after 1 and 2 s, at most 3 in a minute"
#define EFFECT_WORDS_HAND_OVER "the call goes on without an agent"
#define EFFECT_WORDS_END_CALL "the call is over: the caller is hung up"
#define EFFECT_STYLE_NOTHING "calm"
#define EFFECT_STYLE_WAIT "ask"
#define EFFECT_STYLE_GIVE_UP "stop"
#define EFFECT_STYLE_LET_GO "calm"
#define EFFECT_STYLE_COUNT_START "run"
#define EFFECT_STYLE_COUNT_CRASH "run"
#define EFFECT_STYLE_HAND_OVER "calm"
#define EFFECT_STYLE_END_CALL "stop"

void exit_describe(struct buf *out) {
    struct chain chain;
    chain_begin(&chain, out);
    chain_title(&chain, "an agent's process has ended: the first row that holds");
#define X(meaning, effect, text, when) \
    chain_add(&chain, (struct row){#meaning, text, EFFECT_WORDS_##effect, EFFECT_STYLE_##effect});
    EXIT_MEANINGS(X)
#undef X
    chain_end(&chain);
}
