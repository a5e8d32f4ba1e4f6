/* gnuplot reads its script from standard input and writes the picture to standard output, so that no file's name stands
 * in the script. */
#include "report/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { MOST_NAME = 32, MOST_BARS = 12, CURVE_POINTS = 200 };

static void add_name(struct buf *out, const char *name) {
    buf_addc(out, '"');
    size_t end = strnlen(name, MOST_NAME);
    while (end > 0 && (name[end] & 0xC0) == 0x80) {
        end--; /* not amid a character */
    }
    for (size_t i = 0; i < end; i++) {
        char c = name[i];
        bool plain = (c & 0x80) != 0 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr(" -_.()", c) != NULL;
        buf_addc(out, plain ? c : ' ');
    }
    buf_addc(out, '"');
}

static void add_bars(struct buf *out, const char *block, const struct report_group *groups) {
    unsigned bars = 0;
    buf_addf(out, "$%s << EOD\n", block);
    for (const struct report_group *group = groups; group != NULL && bars < MOST_BARS; group = group->hh.next, bars++) {
        add_name(out, group->name);
        buf_addf(out, " %" PRIu64 " %" PRIu64 "\n", group->answered, group->calls - group->answered);
    }
    buf_adds(out, bars == 0 ? "\"\" 0 0\nEOD\n" : "EOD\n");
}

static void add_hours(struct buf *out, const struct report *report) {
    buf_adds(out, "$hours << EOD\n");
    for (const struct report_hour *hour = report->hours; hour != NULL; hour = hour->hh.next) {
        buf_addf(out, "%" PRId64 " %" PRIu64 " %" PRIu64 "\n", hour->hour * 3600 + 1800, hour->answered,
                 hour->calls - hour->answered);
    }
    buf_adds(out, report->hours == NULL ? "0 0 0\nEOD\n" : "EOD\n");
}

/* Which share of the answered calls rang no longer. Up to what nearly all stay below: one caller who waited for a minute
 * would make the rest of the picture a line. */
static void add_curve(struct buf *out, const struct report *report) {
    const struct spread *ring = &report->ring;
    int64_t most = ring->count > 0 ? spread_percentile(ring, 99.5) : 0;
    most = most > 100 ? most : 100;
    buf_adds(out, "$ring << EOD\n");
    for (int64_t i = 0; i <= CURVE_POINTS; i++) {
        int64_t at_ms = most * i / CURVE_POINTS;
        double share = ring->count > 0 ? 100.0 * (double)spread_upto(ring, at_ms) / (double)ring->count : 0;
        buf_addf(out, "%.3f %.2f\n", (double)at_ms / 1000, share);
    }
    buf_adds(out, "EOD\n");
}

static void add_title(struct buf *out, const struct report *report) {
    double rate = report->calls > 0 ? 100.0 * (double)report->answered / (double)report->calls : 0;
    buf_addf(out, "set multiplot layout 2,2 title \"%" PRIu64 " calls, %.1f %% answered", report->calls, rate);
    if (report->ring.count > 0) {
        buf_addf(out, ", ring time p50 %" PRId64 " ms, p95 %" PRId64 " ms", spread_percentile(&report->ring, 50),
                 spread_percentile(&report->ring, 95));
    }
    buf_adds(out, "\" font \",14\"\n");
}

void plot_script(const struct report *report, struct buf *out) {
    const char *top = report->calls > 0 ? "*" : "1"; /* gnuplot complains of a range that nothing gives */
    add_hours(out, report);
    add_curve(out, report);
    add_bars(out, "ends", report->ends);
    add_bars(out, "agents", report->agents);
    buf_adds(out, "set terminal pngcairo size 1280,860 background \"#ffffff\"\nset output\nset encoding utf8\n"
                  "set style fill solid 0.9 noborder\nset border 3\nset tics nomirror out\n"
                  "set offsets 0, 0, graph 0.12, 0\nset autoscale xfix\nset grid ytics linecolor \"#dddddd\"\nset key "
                  "top left horizontal\n");
    buf_addf(out, "set yrange [0:%s]\n", top);
    add_title(out, report);
    buf_adds(out,
             "set title \"Calls by hour (UTC)\"\nset xdata time\nset timefmt \"%s\"\nset format x \"%m-%d\\n%H:%M\"\n"
             "set boxwidth 3300\n"
             "plot $hours using 1:($2+$3) with boxes linecolor \"#d1495b\" title \"not answered\", "
             "$hours using 1:2 with boxes linecolor \"#2e7d6b\" title \"answered\"\n");
    buf_adds(out, "set title \"Answered within so many seconds (%)\"\nset xdata\nset format x \"%g\"\nset yrange "
                  "[0:105]\nunset offsets\n"
                  "unset key\nplot $ring using 1:2 with lines linewidth 2 linecolor \"#2e7d6b\"\n");
    buf_adds(out, "set style data histograms\nset style histogram rowstacked\nset boxwidth 0.7\nset "
                  "offsets 0.5, 0.5, graph 0.12, 0\n"
                  "set key top right horizontal\nset xtics rotate by -30 noenhanced\nset title \"Why calls ended\"\n");
    buf_addf(out, "set yrange [0:%s]\n", top);
    static const char *const blocks[] = {"ends", "agents"};
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        buf_addf(out,
                 "plot $%s using 2:xtic(1) linecolor \"#2e7d6b\" title \"answered\", "
                 "$%s using 3 linecolor \"#d1495b\" title \"not answered\"\nset title \"Calls by agent\"\n",
                 blocks[i], blocks[i]);
    }
    buf_adds(out, "unset multiplot\n");
}

static int script_fd(const struct report *report) {
    cleanup_buf struct buf script = {0};
    cleanup_fd int fd = memfd_create("plot", MFD_CLOEXEC);
    plot_script(report, &script);
    bool good = fd >= 0 && file_write_fd(fd, buf_slice(&script)) && lseek(fd, 0, SEEK_SET) == 0;
    return good ? take_fd(fd) : -1;
}

/* -d: without the user's start-up files. */
static int spawn(int in, int out, pid_t *ret_pid) {
    char *argv[] = {"gnuplot", "-d", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    int error = posix_spawnp(ret_pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Whether its last chunk is there: gnuplot ends with 0 on a full disk, too. */
static bool is_whole(int fd) {
    static const char end[] = "\0\0\0\0IEND\xae\x42\x60\x82";
    char tail[sizeof end - 1];
    off_t size = lseek(fd, 0, SEEK_END), at = size - (off_t)sizeof tail;
    return at > 0 && pread(fd, tail, sizeof tail, at) == (ssize_t)sizeof tail && memcmp(tail, end, sizeof tail) == 0;
}

static bool run(int in, int out, struct diag *diag) {
    pid_t pid;
    int status = 0, error = spawn(in, out, &pid);
    if (error == ENOENT) {
        return diag_fail(diag, "gnuplot", "is not installed: it draws the picture (Debian package gnuplot-nox)");
    }
    if (error != 0) {
        return diag_fail(diag, "gnuplot", "cannot be run: %s", strerror(error));
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || lseek(out, 0, SEEK_END) == 0) {
        return diag_fail(diag, "gnuplot", "failed; what it said is above");
    }
    return is_whole(out) || diag_fail(diag, "gnuplot", "wrote only a part of the picture: is the disk full?");
}

bool plot_draw(const struct report *report, const char *path, struct diag *diag) {
    cleanup_free char *part = xasprintf("%s.part", path);
    cleanup_fd int in = script_fd(report);
    cleanup_fd int out = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (in < 0 || out < 0) {
        return diag_fail(diag, part, "cannot be written: %s", strerror(errno));
    }
    bool drawn = run(in, out, diag);
    if (drawn && rename(part, path) != 0) {
        drawn = diag_fail(diag, path, "cannot be written: %s", strerror(errno));
    }
    if (!drawn) {
        unlink(part);
    }
    return drawn;
}
