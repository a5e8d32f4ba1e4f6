/* sipbridge report: what the call log says, as text, JSON or a picture. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/report_print.h"
#include "report/plot.h"
#include "report/report.h"

enum { READ_SIZE = 64 << 10, SHOWN_BAD = 10 };

struct report_options {
    bool json;
    const char *png;
};

/* A file that is being read. */
struct input {
    const struct cli *cli;
    const char *name;
    uint64_t bad;
};

static void on_bad(void *context, uint64_t number, const struct diag *diag) {
    struct input *input = context;
    char text[sizeof *diag + 4];
    if (input->bad++ < SHOWN_BAD) {
        diag_text(diag, text, sizeof text);
        cli_error(input->cli, "%s:%" PRIu64 ": %s; left out", input->name, number, text);
    }
}

static bool is_compressed(struct slice start) {
    return slice_starts(start, SLICE("\x1f\x8b")) || slice_starts(start, SLICE("\x28\xb5\x2f\xfd")) ||
           slice_starts(start, SLICE("\xfd"
                                     "7zXZ"));
}

static bool read_lines(struct input *input, int fd, struct report_lines *lines) {
    cleanup_free char *bytes = xmalloc(READ_SIZE);
    bool is_start = true;
    ssize_t size;
    while ((size = read(fd, bytes, READ_SIZE)) != 0) {
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0) {
            cli_error(input->cli, "%s: cannot be read: %s", input->name, strerror(errno));
            return false;
        }
        if (is_start && is_compressed((struct slice){bytes, (size_t)size})) {
            cli_error(input->cli, "%s: is compressed: zcat %s | sipbridge report -", input->name, input->name);
            return false;
        }
        is_start = false;
        report_lines_feed(lines, (struct slice){bytes, (size_t)size});
    }
    return true;
}

static bool read_file(const struct cli *cli, const char *path, struct report *report) {
    bool is_standard_input = strcmp(path, "-") == 0;
    struct input input = {.cli = cli, .name = is_standard_input ? "standard input" : path};
    cleanup_fd int own = is_standard_input ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (!is_standard_input && own < 0) {
        cli_error(cli, "%s: cannot be read: %s", path, strerror(errno));
        return false;
    }
    struct report_lines lines = {.report = report, .on_bad = on_bad, .context = &input};
    uint64_t before = report->calls;
    bool good = read_lines(&input, is_standard_input ? STDIN_FILENO : own, &lines);
    report_lines_end(&lines);
    if (input.bad > SHOWN_BAD) {
        cli_error(cli, "%s: and %" PRIu64 " more lines that are none of a call log", input.name, input.bad - SHOWN_BAD);
    }
    if (good && input.bad > 0 && report->calls == before) {
        cli_error(cli, "%s: is no call log (SIP_CALL_LOG): no line of it is of one", input.name);
        return false;
    }
    return good;
}

static int show(const struct cli *cli, const struct report_options *options, const struct report *report) {
    struct diag diag = {0};
    if (options->json) {
        report_print_json(report);
    } else {
        report_print_text(report);
    }
    if (options->png != NULL && !plot_draw(report, options->png, &diag)) {
        return cli_fail(cli, &diag);
    }
    return CLI_OK;
}

static int run(struct cli *cli) {
    struct report_options options = {0};
    if (!cli_parse(cli, &options)) {
        return CLI_USAGE;
    }
    struct report *report = xcalloc(1, sizeof *report);
    bool good = true;
    for (int i = 0; i < cli->argc && good; i++) {
        good = read_file(cli, cli->argv[i], report);
    }
    report_sort(report);
    int result = good ? show(cli, &options, report) : CLI_FAILED;
    report_release(report);
    free(report);
    return result;
}

static const struct cli_option options_table[] = {
    {"json", 0, CLI_FLAG, offsetof(struct report_options, json), NULL, "print one JSON object, every hour in it"},
    {"png", 0, CLI_TEXT, offsetof(struct report_options, png), "FILE", "draw it, too (needs gnuplot)"},
};

const struct cli_command cli_report = {
    .name = "report",
    .summary = "Add up a call log (SIP_CALL_LOG): answer rate, ring times, ends, by agent and hour.",
    .arguments = "FILE...|-",
    .min_arguments = 1,
    .max_arguments = 100000,
    .options = options_table,
    .option_count = ARRAY_LEN(options_table),
    .no_settings = true,
    .details = "Give the rotated files too, in any order; compressed ones by `zcat FILE… | sipbridge report -`. Lines "
               "that are none of a call log are told on standard error and left out. Times are UTC, percentiles right "
               "to within 1 %. doc/call-log.md describes the lines.",
    .run = run,
};
