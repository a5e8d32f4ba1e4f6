/* sipbridge simulate: thousands of phone calls that go wrong, and whether the bridge kept its promises in them. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "sim/sim.h"

enum { SHOWN_FAILURES = 10, SOME_CALLS = 64 /* the clock is asked for */ };

struct simulate_options {
    int64_t calls, seed, trace;
    const char *tape;
    bool json;
};

struct failure {
    uint64_t seed;
    char what[sizeof((struct sim_result *)0)->what];
};

struct run {
    struct simulate_options options;
    struct sim *sim;
    struct sim_result total;
    struct failure failures[SHOWN_FAILURES];
    size_t failed;
    int64_t started_us;
    struct progress progress;
};

static void print_line(void *context, int64_t at_ms, const char *text) {
    (void)context;
    printf("%10.3f s  %s\n", (double)at_ms / 1000, text);
}

static bool trace_call(struct sim *sim, uint64_t seed) {
    struct sim_trace trace = {.line = print_line};
    struct sim_result result;
    sim_run(sim, seed, &trace, &result);
    printf("seed %" PRIu64 ": %s\n", seed, result.failed ? result.what : "every promise was kept");
    return !result.failed;
}

/* SEED's call, made as short as it can be while the same promise is broken; for tape_release. */
static void shrink(struct sim *sim, uint64_t seed, struct tape *ret_tape, struct sim_result *ret_result) {
    sim_record(sim, seed, ret_tape, ret_result);
    sim_shrink(sim, ret_tape, ret_result);
}

static void print_tape(const struct tape *tape) {
    cleanup_buf struct buf text = {0};
    tape_print(tape, &text);
    printf("sipbridge simulate --tape '%s'\n", text.len > 0 ? text.p : "");
}

static bool trace_tape(struct sim *sim, const struct tape *tape) {
    struct sim_trace trace = {.line = print_line};
    struct sim_result result;
    sim_replay(sim, tape, &trace, &result);
    puts(result.failed ? result.what : "every promise was kept");
    return !result.failed;
}

static void show_shortest(struct sim *sim, uint64_t seed) {
    struct tape tape;
    struct sim_result result;
    shrink(sim, seed, &tape, &result);
    trace_tape(sim, &tape);
    printf("the whole call: sipbridge simulate --trace %" PRIu64 "\nthe above: ", seed);
    print_tape(&tape);
    tape_release(&tape);
}

static void show_progress(struct run *run, int64_t done) {
    if (!run->progress.is_shown || (done % SOME_CALLS != 0 && done < run->options.calls)) {
        return;
    }
    char note[48];
    snprintf(note, sizeof note, ", %zu went wrong", run->failed);
    progress_show(&run->progress, (uint64_t)done, (uint64_t)run->options.calls, note);
}

static void run_all(struct run *run) {
    for (int64_t i = 0; i < run->options.calls; i++) {
        struct sim_result result;
        uint64_t seed = (uint64_t)run->options.seed + (uint64_t)i;
        sim_run(run->sim, seed, NULL, &result);
        sim_add(&run->total, &result);
        if (result.failed && run->failed++ < SHOWN_FAILURES) {
            struct failure *failure = &run->failures[run->failed - 1];
            failure->seed = seed;
            memcpy(failure->what, result.what, sizeof failure->what);
        }
        show_progress(run, i + 1);
    }
    progress_clear(&run->progress);
}

static void print_ends(const struct bridge_counters *counters) {
    cleanup_table struct cli_table table;
    static const char *const titles[] = {"calls", "ended because"};
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    for (int end = 1; end < CALL_END_COUNT; end++) {
        cli_table_addf(&table, "%" PRIu64, counters->ends[end]);
        cli_table_add(&table, call_end_text((enum call_end)end));
    }
    cli_table_print(&table);
}

static void print_failures(const struct run *run) {
    for (size_t i = 0; i < run->failed && i < SHOWN_FAILURES; i++) {
        printf("seed %" PRIu64 ": %s\n", run->failures[i].seed, run->failures[i].what);
    }
    if (run->failed > 0) {
        printf("%zu of %" PRId64 " calls went wrong; the first of them without all that is not needed for that:\n",
               run->failed, run->options.calls);
        show_shortest(run->sim, run->failures[0].seed);
    }
}

static void print_text(const struct run *run) {
    const struct sim_result *total = &run->total;
    const struct bridge_counters *counters = &total->counters;
    double seconds = (double)(clock_mono_us() - run->started_us) / 1e6;
    print_ends(counters);
    printf("%" PRId64 " seeds in %.1f s: %" PRIu64 " calls, %" PRIu64 " answered, %" PRIu64 " webhooks (and %" PRIu64
           " lost), %" PRIu64 " agent processes started, %" PRIu64 " events\n",
           run->options.calls, seconds, counters->calls, counters->answered, total->webhooks, total->lost,
           counters->starts, total->events);
    printf("%" PRIu64 " calls handed over to standbys, %" PRIu64 " of them not taken and handed over again\n",
           counters->warm, counters->lost);
    printf("%" PRIu64 " questions to LiveKit; what no webhook told: %" PRIu64 " callers found, %" PRIu64
           " gone, %" PRIu64 " rooms gone, %" PRIu64 " stale rooms deleted\n",
           total->questions, total->found, total->left, total->ended, total->stale);
    print_failures(run);
    if (run->failed == 0) {
        puts("every promise was kept");
    }
}

static void add_failures(const struct run *run, struct buf *out) {
    buf_adds(out, ",\"failures\":[");
    for (size_t i = 0; i < run->failed && i < SHOWN_FAILURES; i++) {
        buf_addf(out, "%s{\"seed\":%" PRIu64, i > 0 ? "," : "", run->failures[i].seed);
        json_add_field(out, "what", slice_of(run->failures[i].what));
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}

static void print_json(const struct run *run) {
    cleanup_buf struct buf out = {0};
    const struct bridge_counters *counters = &run->total.counters;
    buf_addf(&out, "{\"seeds\":%" PRId64, run->options.calls);
    json_add_number(&out, "seed", run->options.seed);
    json_add_number(&out, "failed", (int64_t)run->failed);
    json_add_number(&out, "calls", (int64_t)counters->calls);
    json_add_number(&out, "answered", (int64_t)counters->answered);
    json_add_number(&out, "webhooks", (int64_t)run->total.webhooks);
    json_add_number(&out, "lost", (int64_t)run->total.lost);
    json_add_number(&out, "starts", (int64_t)counters->starts);
    json_add_number(&out, "warm", (int64_t)counters->warm);
    json_add_number(&out, "warm_lost", (int64_t)counters->lost);
    json_add_number(&out, "events", (int64_t)run->total.events);
    json_add_number(&out, "questions", (int64_t)run->total.questions);
    json_add_number(&out, "callers_found", (int64_t)run->total.found);
    json_add_number(&out, "callers_gone", (int64_t)run->total.left);
    json_add_number(&out, "rooms_gone", (int64_t)run->total.ended);
    json_add_number(&out, "stale_rooms", (int64_t)run->total.stale);
    buf_adds(&out, ",\"ends\":{");
    for (int end = 1; end < CALL_END_COUNT; end++) {
        buf_addf(&out, "%s\"%s\":%" PRIu64, end > 1 ? "," : "", call_end_label((enum call_end)end),
                 counters->ends[end]);
    }
    buf_addc(&out, '}');
    add_failures(run, &out);
    buf_addc(&out, '}');
    puts(out.p);
}

/* The bridge's log is about calls that never were: nobody is to read it. */
static int silence_log(void) {
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct log_options options = {.fd = fd, .level = LOG_ERROR};
    log_init(&options);
    return fd;
}

/* CLI_… */
static int show_tape(struct sim *sim, const char *text) {
    struct tape tape;
    struct diag diag = {0};
    if (!tape_parse(slice_of(text), &tape, &diag)) {
        fprintf(stderr, "sipbridge simulate: --tape: %s\n", diag.what);
        return CLI_USAGE;
    }
    bool good = trace_tape(sim, &tape);
    tape_release(&tape);
    return good ? CLI_OK : CLI_FAILED;
}

static bool simulate(struct run *run) {
    if (run->options.trace >= 0) {
        return trace_call(run->sim, (uint64_t)run->options.trace);
    }
    run->started_us = clock_mono_us();
    progress_init(&run->progress, "calls");
    run_all(run);
    (run->options.json ? print_json : print_text)(run);
    return run->failed == 0;
}

static int run(struct cli *cli) {
    struct run run = {.options = {.calls = 100000, .seed = 1, .trace = -1}};
    if (!cli_parse(cli, &run.options)) {
        return CLI_USAGE;
    }
    cleanup_fd int null = silence_log();
    run.sim = sim_new(&call_policy_default);
    int code = run.options.tape != NULL ? show_tape(run.sim, run.options.tape) : simulate(&run) ? CLI_OK : CLI_FAILED;
    sim_free(run.sim);
    (void)null;
    return code;
}

static const struct cli_option options[] = {
    {"calls", 'n', CLI_INT, offsetof(struct simulate_options, calls), "N",
     "how many seeds, one call each (default 100000)"},
    {"seed", 0, CLI_INT, offsetof(struct simulate_options, seed), "N", "the first of them (default 1)"},
    {"trace", 0, CLI_INT, offsetof(struct simulate_options, trace), "SEED",
     "show all that happens in the call of this seed"},
    {"tape", 0, CLI_TEXT, offsetof(struct simulate_options, tape), "TAPE",
     "show the call that TAPE describes, as it is printed of a failure"},
    {"json", 0, CLI_FLAG, offsetof(struct simulate_options, json), NULL, "print one JSON object"},
};

const struct cli_command cli_simulate = {
    .name = "simulate",
    .summary = "Put the bridge through simulated calls that go wrong, and check its promises.",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .no_settings = true,
    .details = "Nothing is started and nobody is called: LiveKit, the network and the agents are simulated, time is "
               "virtual, and the bridge is the one that serve runs. Webhooks come late, twice, in another order or "
               "never; agents crash, hang, quit or are thrown out; LiveKit restarts, its lists show who is gone and "
               "hide who is there, and its API fails. The same seed is the same call on "
               "every machine. When a promise is broken, the seed, the promise and the shortest call in which it is "
               "broken are printed, and the exit code is 1.",
    .run = run,
};
