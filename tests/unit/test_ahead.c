/* What is made ahead of a start: files for output, and sockets, which are also used again under another name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "scratch.h"
#include "spawner/local/ahead.h"
#include "spawner/local/output.h"
#include "turn_until.h"

static const char first[] = "aaaaaaaaaaaaaaaa0000000000000000", second[] = "bbbbbbbbbbbbbbbb0000000000000000";

struct place {
    char *root;
    struct loop *loop;
    struct ahead ahead;
    struct notify notify;
    unsigned ready;
};

static void on_ready(struct notify *notify) {
    container_of(notify, struct place, notify)->ready++;
}

static struct place *place_new(void) {
    struct place *place = xcalloc(1, sizeof *place);
    place->root = scratch_new();
    place->loop = loop_new();
    place->notify = (struct notify){.on_ready = on_ready, .sender = geteuid(), .fd = -1};
    ahead_init(&place->ahead, place->loop, place->root, place->root);
    return place;
}

static size_t files_in(const char *path) {
    size_t count = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += entry->d_name[0] != '.';
    }
    closedir(dir);
    return count;
}

static void place_free(struct place *place) {
    notify_stop(&place->notify, &place->ahead.notify_spares);
    ahead_release(&place->ahead);
    loop_free(place->loop);
    scratch_free(place->root);
    free(place);
}

static bool is_idle(const struct place *place) {
    return place->ahead.timer.loop == NULL;
}

static void refill(struct place *place) {
    ahead_refill(&place->ahead);
    TURN_UNTIL(place->loop, is_idle(place));
}

static void start(struct place *place, const char *instance) {
    struct diag diag;
    place->ready = 0;
    assert_true(notify_start(&place->notify, &place->ahead.notify, instance, &diag));
}

static bool send_to(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cleanup_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, name, strlen(name));
    return sendto(fd, "READY=1", 7, MSG_DONTWAIT, (const struct sockaddr *)&address, sizeof address) == 7;
}

static void test_a_file_gets_its_name_when_it_is_needed(void **state) {
    struct place *place = place_new();
    struct stat st, named;
    (void)state;
    assert_int_equal(ahead_output(&place->ahead, "RM_a"), -1);
    refill(place);
    assert_int_equal(place->ahead.output_count, AHEAD_COUNT);
    assert_int_equal(files_in(place->root), AHEAD_COUNT); /* the sockets */
    int fd = ahead_output(&place->ahead, "RM_a");
    assert_true(fd > STDERR_FILENO);
    cleanup_free char *path = xasprintf("%s/RM_a.log", place->root);
    assert_true(fstat(fd, &st) == 0 && stat(path, &named) == 0 && st.st_ino == named.st_ino);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl(fd, F_GETFL) & O_APPEND) != 0);
    cleanup_fd int reader = output_open_read(place->root, "RM_a", NULL);
    assert_false(output_is_final(reader));
    close(fd);
    assert_true(output_is_final(reader));
    assert_int_equal(ahead_output(&place->ahead, "RM_a"), -1); /* it is there: what comes is added to it */
    assert_int_equal(ahead_output(&place->ahead, "../RM_b"), -1);
    assert_int_equal(place->ahead.output_count, AHEAD_COUNT - 3);
    refill(place);
    assert_int_equal(place->ahead.output_count, AHEAD_COUNT);
    place_free(place);
}

static void test_a_socket_is_used_again_by_another_name(void **state) {
    struct place *place = place_new();
    struct stat before, after;
    (void)state;
    start(place, first);
    cleanup_free char *former = xstrdup(place->notify.name);
    assert_int_equal(stat(former, &before), 0);
    notify_stop(&place->notify, &place->ahead.notify_spares);
    assert_true(send_to(former)); /* of a process that is thought to be gone */
    start(place, second);
    assert_string_not_equal(place->notify.name, former);
    assert_int_equal(stat(place->notify.name, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(files_in(place->root), 1);
    assert_false(send_to(former));
    notify_drain(&place->notify);
    assert_int_equal(place->ready, 0);
    assert_true(send_to(place->notify.name));
    notify_drain(&place->notify);
    assert_int_equal(place->ready, 1);
    place_free(place);
}

static void test_a_spare_that_somebody_removed(void **state) {
    struct place *place = place_new();
    (void)state;
    start(place, first);
    notify_stop(&place->notify, &place->ahead.notify_spares);
    assert_int_equal(unlink(place->ahead.notify_spares.list[0].name), 0);
    start(place, second);
    assert_true(send_to(place->notify.name));
    notify_drain(&place->notify);
    assert_int_equal(place->ready, 1);
    place_free(place);
}

static void test_no_more_than_some_are_kept_and_none_is_left(void **state) {
    struct place *place = place_new();
    struct notify all[NOTIFY_SPARES + 4];
    struct diag diag;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        cleanup_free char *instance = xasprintf("%016zx%016zx", i + 1000, i);
        all[i] = (struct notify){.on_ready = on_ready, .sender = geteuid(), .fd = -1};
        assert_true(notify_start(&all[i], &place->ahead.notify, instance, &diag));
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        notify_stop(&all[i], &place->ahead.notify_spares);
    }
    assert_int_equal(files_in(place->root), NOTIFY_SPARES);
    assert_false(notify_prepare(&place->ahead.notify));
    notify_spares_release(&place->ahead.notify_spares);
    assert_int_equal(files_in(place->root), 0);
    place_free(place);
}

static void test_where_nothing_can_be_made(void **state) {
    struct place *place = place_new();
    (void)state;
    place->ahead.output_dir = place->ahead.notify.directory = "/nonexistent";
    refill(place);
    assert_int_equal(place->ahead.output_count, 0);
    assert_int_equal(place->ahead.notify_spares.count, 0);
    place_free(place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_gets_its_name_when_it_is_needed),
        cmocka_unit_test(test_a_socket_is_used_again_by_another_name),
        cmocka_unit_test(test_a_spare_that_somebody_removed),
        cmocka_unit_test(test_no_more_than_some_are_kept_and_none_is_left),
        cmocka_unit_test(test_where_nothing_can_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
