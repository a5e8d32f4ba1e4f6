/* Any bytes in a record of the log, as text and as JSON (the first byte chooses what is done with numbers): one line,
 * valid and not too long, no secret in it, and nothing in a value can pass for another field. The lines of the input
 * are the call, the room and the agent; the rest is the message. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"

#define SECRET "s3cret-key-4567"
enum { RECORD_MAX = 4096 };

static char record[2 * RECORD_MAX];

static struct slice written(int fd, const struct log_about *about, struct slice message) {
    demand(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    log_warning(about, "%.*s", SLICE_ARG(message));
    demand(log_flush() == 0);
    ssize_t size = pread(fd, record, sizeof record, 0);
    demand(size > 0 && size <= RECORD_MAX && record[size - 1] == '\n');
    demand(memmem(record, (size_t)size, SECRET, strlen(SECRET)) == NULL);
    struct slice line = {record, (size_t)size - 1};
    demand_printable(line);
    return line;
}

/* Takes NAME=VALUE off the front of REST, where VALUE is in quotes if anything in it would end it. */
static void take_pair(struct slice *rest, const char *name) {
    demand(slice_starts(*rest, SLICE(" ")));
    (void)take_byte(rest);
    demand(slice_starts(*rest, slice_of(name)));
    *rest = (struct slice){rest->p + strlen(name), rest->n - strlen(name)};
    demand(take_byte(rest) == '=');
    if (!slice_starts(*rest, SLICE("\""))) {
        while (rest->n > 0 && rest->p[0] != ' ') {
            demand(strchr("=\"\\", (int)take_byte(rest)) == NULL);
        }
        return;
    }
    (void)take_byte(rest);
    for (unsigned c = take_byte(rest); c != '"'; c = take_byte(rest)) {
        demand(rest->n > 0);
        if (c == '\\') {
            demand(strchr("\\\"xu", (int)take_byte(rest)) != NULL);
        }
    }
}

static void check_text(struct slice line, const struct log_about *about) {
    static const char begin[] = "2000-01-01T00:00:00.000Z SIP warning m";
    demand(line.n >= strlen(begin));
    struct slice rest = {line.p + strlen(begin), line.n - strlen(begin)};
    demand(rest.p[-1] == 'm');
    if (about->call.n > 0) {
        take_pair(&rest, "call");
    }
    if (about->room.n > 0) {
        take_pair(&rest, "room");
    }
    if (about->agent.n > 0) {
        take_pair(&rest, "agent");
    }
    take_pair(&rest, "pid");
    demand(rest.n == 0);
}

static void check_json(struct slice line, const struct log_about *about) {
    json_t *value = demand_json(line);
    size_t members = 5 + (about->call.n > 0) + (about->room.n > 0) + (about->agent.n > 0);
    demand(json_object_size(value) == members);
    demand(json_is_string(json_object_get(value, "message")) && json_is_string(json_object_get(value, "time")));
    demand(json_integer_value(json_object_get(value, "pid")) == 42);
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("log", MFD_CLOEXEC);
        log_hide(SLICE(SECRET));
    }
    struct slice rest = {(const char *)data, size};
    struct log_options options = {.fd = fd, .level = LOG_INFO, .mask_numbers = take_byte(&rest) % 2 == 1};
    struct log_about about = {.pid = 42};
    about.call = take_until(&rest, '\n');
    about.room = take_until(&rest, '\n');
    about.agent = take_until(&rest, '\n');
    log_init(&options);
    (void)written(fd, &about, rest);
    check_text(written(fd, &about, SLICE("m")), &about);
    options.format = LOG_JSON;
    log_init(&options);
    check_json(written(fd, &about, rest), &about);
    return 0;
}
