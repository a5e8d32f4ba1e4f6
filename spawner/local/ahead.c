/* Stocks that are filled by a timer. */
#include "spawner/local/ahead.h"

#include <unistd.h>

#include "base/mem.h"
#include "spawner/local/output.h"

/* The process that was started has the machine to itself for so long; then one thing is made in a turn of the loop. */
enum { REFILL_MS = 100, NEXT_MS = 1 };

static bool make_output(struct ahead *ahead) {
    int fd = ahead->output_count == AHEAD_COUNT ? -1 : output_prepare(ahead->output_dir);
    if (fd < 0) {
        return false;
    }
    ahead->outputs[ahead->output_count++] = fd;
    return true;
}

static void on_due(struct timer *timer) {
    struct ahead *ahead = container_of(timer, struct ahead, timer);
    bool notify_made = ahead->notify_spares.count < AHEAD_COUNT && notify_prepare(&ahead->notify);
    if (make_output(ahead) || notify_made) {
        timer_start(timer, ahead->loop, NEXT_MS);
    }
}

void ahead_init(struct ahead *ahead, struct loop *loop, const char *output_dir, const char *notify_dir) {
    *ahead = (struct ahead){.loop = loop, .output_dir = output_dir, .timer.on_due = on_due};
    ahead->notify = (struct notify_place){loop, notify_dir, &ahead->notify_spares};
}

int ahead_output(struct ahead *ahead, const char *label) {
    if (ahead->output_count == 0) {
        return -1;
    }
    cleanup_fd int fd = ahead->outputs[--ahead->output_count];
    return output_name(ahead->output_dir, label, fd) ? take_fd(fd) : -1;
}

void ahead_refill(struct ahead *ahead) {
    if (ahead->timer.loop == NULL) {
        timer_start(&ahead->timer, ahead->loop, REFILL_MS);
    }
}

void ahead_release(struct ahead *ahead) {
    timer_cancel(&ahead->timer);
    notify_spares_release(&ahead->notify_spares);
    while (ahead->output_count > 0) {
        close(ahead->outputs[--ahead->output_count]);
    }
}
