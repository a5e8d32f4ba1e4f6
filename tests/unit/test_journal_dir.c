/* The journal's directory: what is written comes back in order, what is no entry is set aside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>

#include "app/internal.h"
#include "app/journal_dir.h"
#include "app/state_dir.h"
#include "scratch.h"
#include <sys/resource.h>
#include <sys/wait.h>

static struct journal_entry entry_of(const char *sid) {
    return (struct journal_entry){.sid = slice_of(sid), .room = SLICE("room"), .boot = SLICE("boot"), .named = true};
}

static void keep(struct journal_dir *dir, const struct journal_entry *entry) {
    cleanup_buf struct buf text = {0};
    cleanup_free char *sid = xmemdup(entry->sid.p, entry->sid.n);
    journal_write(entry, &text);
    assert_true(journal_dir_keep(dir, sid, buf_slice(&text)));
}

static void open_dir(struct journal_dir *dir, char **ret_root) {
    struct diag diag = {0};
    *dir = (struct journal_dir){.fd = -1};
    *ret_root = scratch_new();
    assert_true(journal_dir_open(dir, *ret_root, &diag));
}

static void test_entries_come_back_in_order(void **state) {
    (void)state;
    char *root;
    struct journal_dir dir;
    open_dir(&dir, &root);
    struct journal_entry live = entry_of("RM_1"), former = entry_of("RM_2"), late = entry_of("RM_3"),
                         early = entry_of("RM_4"), dropped = entry_of("RM_5");
    former.named = false;
    late.over = early.over = true;
    late.over_at = 9;
    early.over_at = 5;
    const struct journal_entry *const all[] = {&late, &live, &dropped, &early, &former, &live};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        keep(&dir, all[i]);
    }
    journal_dir_drop(&dir, "RM_5");
    journal_dir_drop(&dir, "RM_5");
    assert_int_equal(faccessat(dir.fd, "RM_5.json", F_OK, 0), -1);
    struct journal_list list = {0};
    assert_true(journal_dir_load(&dir, &list, NULL));
    static const char *const wanted[] = {"RM_2", "RM_1", "RM_4", "RM_3"};
    assert_int_equal(list.count, ARRAY_LEN(wanted));
    for (size_t i = 0; i < list.count; i++) {
        assert_true(slice_is(list.list[i].sid, wanted[i]));
    }
    journal_list_release(&list);
    struct stat st;
    assert_int_equal(fstatat(dir.fd, "RM_1.json", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    journal_dir_close(&dir);
    journal_dir_close(&dir);
    scratch_free(root);
}

/* A good text, but not a file of ours: a link to one, or one of another user. */
static void add_good_texts_of_others(const struct journal_dir *dir, const char *root) {
    cleanup_buf struct buf linked = {0}, foreign = {0};
    struct journal_entry link = entry_of("RM_link"), other = entry_of("RM_foreign");
    journal_write(&link, &linked);
    journal_write(&other, &foreign);
    free(scratch_file(root, ".linked", linked.p, 0600));
    assert_int_equal(symlinkat(".linked", dir->fd, "RM_link.json"), 0);
    free(scratch_file(root, "RM_foreign.json", geteuid() == 0 ? foreign.p : "", 0644));
    assert_true(geteuid() != 0 || fchownat(dir->fd, "RM_foreign.json", 12345, (gid_t)-1, 0) == 0);
}

static void test_what_is_no_entry_is_set_aside(void **state) {
    (void)state;
    static const struct {
        const char *name, *text;
    } bad[] = {
        {"RM_cut.json", "{\"v\":1,\"sid\":\"RM_cut\""},
        {"RM_empty.json", ""},
        {"RM_other.json", "{\"v\":1,\"sid\":\"RM_1\",\"room\":\"r\",\"boot\":\"b\",\"caller\":{},\"facts\":{}}"},
        {"RM_later.json", "{\"v\":2}"},
        {"RM-x.json", "{}"},
        {"notes", "mine"},
        {".json", "hidden files are left alone"},
    };
    char *root;
    struct journal_dir dir;
    open_dir(&dir, &root);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        free(scratch_file(root, bad[i].name, bad[i].text, 0600));
    }
    free(scratch_file(root, "RM_half.json.tmp", "{\"v\":1", 0600));
    add_good_texts_of_others(&dir, root);
    assert_int_equal(mkfifoat(dir.fd, "RM_fifo.json", 0600), 0);
    assert_int_equal(mkdirat(dir.fd, "RM_dir.json", 0700), 0);
    struct journal_entry good = entry_of("RM_good");
    keep(&dir, &good);
    struct journal_list list = {0};
    assert_true(journal_dir_load(&dir, &list, NULL));
    assert_int_equal(list.count, 1);
    journal_list_release(&list);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int there = faccessat(dir.fd, bad[i].name, F_OK, AT_SYMLINK_NOFOLLOW);
        assert_int_equal(there, bad[i].name[0] == '.' ? 0 : -1);
    }
    static const char *const gone[] = {"RM_half.json.tmp", "RM_link.json", "RM_foreign.json", "RM_fifo.json",
                                       "RM_dir.json"};
    for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
        assert_int_equal(faccessat(dir.fd, gone[i], F_OK, AT_SYMLINK_NOFOLLOW), -1);
    }
    struct journal_list again = {0};
    assert_true(journal_dir_load(&dir, &again, NULL)); /* and is not looked at again */
    assert_int_equal(again.count, 1);
    journal_list_release(&again);
    journal_dir_close(&dir);
    scratch_free(root);
}

/* Somebody may want to read both: the second does not take the place of the first. */
static void test_what_is_set_aside_stays(void **state) {
    (void)state;
    char *root;
    struct journal_dir dir;
    open_dir(&dir, &root);
    for (int i = 0; i < 2; i++) {
        struct journal_list list = {0};
        free(scratch_file(root, "RM_1.json", i == 0 ? "first" : "second", 0600));
        assert_true(journal_dir_load(&dir, &list, NULL));
        journal_list_release(&list);
        for (int64_t then = clock_wall_ms(); clock_wall_ms() == then;) { /* its name tells when, in milliseconds */
        }
    }
    cleanup_free char *aside = xasprintf("%s/set-aside", root);
    struct stat st;
    unsigned count = 0;
    DIR *files = opendir(aside);
    assert_non_null(files);
    for (const struct dirent *entry; (entry = readdir(files)) != NULL;) {
        bool named = strncmp(entry->d_name, "RM_1.json.", strlen("RM_1.json.")) == 0;
        assert_int_equal(fstatat(dirfd(files), entry->d_name, &st, 0), 0);
        count += named && (st.st_size == (off_t)strlen("first") || st.st_size == (off_t)strlen("second"));
    }
    closedir(files);
    assert_int_equal(count, 2);
    journal_dir_close(&dir);
    scratch_free(root);
}

/* Links are not followed when writing either, and what cannot be written is said and left as it was. */
static void test_writing_where_something_is_in_the_way(void **state) {
    (void)state;
    char *root;
    struct journal_dir dir;
    open_dir(&dir, &root);
    cleanup_free char *victim = scratch_file(root, "victim", "precious", 0600);
    assert_int_equal(symlinkat(victim, dir.fd, "spare0.json.tmp"), 0);
    assert_false(journal_dir_keep(&dir, "RM_1", SLICE("{}")));
    assert_true(journal_dir_keep(&dir, "RM_1", SLICE("{}"))); /* it was removed by that */
    struct stat st;
    assert_int_equal(stat(victim, &st), 0);
    assert_int_equal(st.st_size, strlen("precious"));
    assert_int_equal(mkdirat(dir.fd, "spare0.json.tmp", 0700), 0);
    assert_false(journal_dir_keep(&dir, "RM_2", SLICE("{}")));
    journal_dir_close(&dir);
    scratch_free(root);
}

/* A shorter text after a longer one too. */
static void test_the_newest_text_is_there_whole(void **state) {
    (void)state;
    static const char *const texts[] = {"{\"a\":1}", "{\"longer\":12345}", "{}", "[1,2,3]"};
    char *root;
    struct journal_dir dir;
    open_dir(&dir, &root);
    for (size_t i = 0; i < 3 * ARRAY_LEN(texts); i++) {
        char read_back[64] = "";
        const char *text = texts[i % ARRAY_LEN(texts)];
        assert_true(journal_dir_keep(&dir, "RM_1", slice_of(text)));
        cleanup_fd int fd = openat(dir.fd, "RM_1.json", O_RDONLY | O_CLOEXEC);
        assert_true(read(fd, read_back, sizeof read_back - 1) >= 0);
        assert_string_equal(read_back, text);
    }
    journal_dir_close(&dir);
    scratch_free(root);
}

static ino_t inode_of(const struct journal_dir *dir, const char *name) {
    struct stat st;
    assert_int_equal(fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_ino;
}

static size_t size_of(const struct journal_dir *dir, const char *name) {
    struct stat st;
    return fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (size_t)st.st_size : 0;
}

/* No file is made but the first two, and what a call said is gone with it. */
static void test_files_are_used_again(void **state) {
    (void)state;
    char *root;
    struct journal_dir dir;
    open_dir(&dir, &root);
    assert_true(journal_dir_keep(&dir, "RM_1", SLICE("{\"caller\":\"+15550001111\"}")));
    assert_true(journal_dir_keep(&dir, "RM_1", SLICE("{\"caller\":\"+15550001111\",\"a\":1}")));
    ino_t one = inode_of(&dir, "RM_1.json"), other = inode_of(&dir, "spare0.json.tmp");
    journal_dir_drop(&dir, "RM_1");
    journal_dir_drop(&dir, "RM_1");
    assert_int_equal(dir.spares, 2);
    assert_true(size_of(&dir, "spare0.json.tmp") <= 1 && size_of(&dir, "spare1.json.tmp") <= 1);
    for (int i = 0; i < 3; i++) {
        assert_true(journal_dir_keep(&dir, "RM_2", SLICE("{}")));
        ino_t now = inode_of(&dir, "RM_2.json");
        assert_true(now == one || now == other);
    }
    assert_int_equal(dir.spares, 1);
    struct journal_list list = {0};
    assert_true(journal_dir_load(&dir, &list, NULL)); /* spares of a former start are no entries */
    journal_list_release(&list);
    assert_int_equal(faccessat(dir.fd, "spare0.json.tmp", F_OK, 0), -1);
    assert_true(journal_dir_keep(&dir, "RM_2", SLICE("{\"a\":2}")));
    assert_int_equal(size_of(&dir, "RM_2.json"), 7);
    journal_dir_close(&dir);
    scratch_free(root);
}

static void test_spares_are_few(void **state) {
    (void)state;
    char *root, sid[16];
    struct journal_dir dir;
    open_dir(&dir, &root);
    for (int i = 0; i < 2 * JOURNAL_SPARES; i++) {
        snprintf(sid, sizeof sid, "RM_%d", i / 2);
        assert_true(journal_dir_keep(&dir, sid, SLICE("{}")));
    }
    for (int i = 0; i < JOURNAL_SPARES; i++) {
        snprintf(sid, sizeof sid, "RM_%d", i);
        journal_dir_drop(&dir, sid);
        assert_int_equal(size_of(&dir, sid), 0);
    }
    assert_int_equal(dir.spares, JOURNAL_SPARES);
    assert_int_equal(faccessat(dir.fd, "spare64.json.tmp", F_OK, 0), -1);
    journal_dir_close(&dir);
    scratch_free(root);
}

static void test_spares_are_made_ahead(void **state) {
    (void)state;
    char *root;
    struct journal_dir dir;
    open_dir(&dir, &root);
    for (int i = 0; i < JOURNAL_READY; i++) {
        assert_true(journal_dir_prepare(&dir));
    }
    assert_false(journal_dir_prepare(&dir));
    ino_t ready = inode_of(&dir, "spare3.json.tmp");
    assert_true(journal_dir_keep(&dir, "RM_1", SLICE("{}")));
    assert_int_equal(inode_of(&dir, "RM_1.json"), ready);
    assert_true(journal_dir_keep(&dir, "RM_1", SLICE("{\"caller\":\"+15550001111\"}")));
    assert_true(journal_dir_keep(&dir, "RM_1", SLICE("{}")));
    assert_true(size_of(&dir, "spare2.json.tmp") > 1);
    assert_true(journal_dir_prepare(&dir)); /* and what was is no longer to be read */
    assert_int_equal(size_of(&dir, "spare2.json.tmp"), 1);
    journal_dir_close(&dir);
    scratch_free(root);
}

static void test_directory_that_is_none(void **state) {
    (void)state;
    struct journal_dir dir = {.fd = -1};
    struct diag diag = {0};
    assert_false(journal_dir_open(&dir, "/nonexistent", &diag));
    assert_string_equal(diag.where, "SIP_STATE_DIR");
    journal_dir_close(&dir);
}

/* ---- the state directory around it ---- */

static void test_one_owner_at_a_time(void **state) {
    (void)state;
    if (getenv("UNDER_VALGRIND") != NULL) { /* it counts what the children leave to their end as lost */
        skip();
    }
    char *root = scratch_new();
    struct state_dir mine = {.lock = -1};
    struct diag diag = {0};
    assert_true(state_dir_open(&mine, root, &diag));
    pid_t child = fork();
    if (child == 0) {
        struct state_dir second = {.lock = -1};
        cleanup_free char *wanted = xasprintf("in use by another sipbridge (process %d)", (int)getppid());
        bool refused = !state_dir_open(&second, root, &diag) && strstr(diag.what, wanted) != NULL;
        state_dir_release(&second);
        _exit(refused ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    state_dir_release(&mine);
    child = fork();
    if (child == 0) {
        struct state_dir next = {.lock = -1};
        bool good = state_dir_open(&next, root, &diag);
        state_dir_release(&next);
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    scratch_free(root);
}

/* Whoever can choose or read it would see phone numbers, or choose what we sign and whom we signal. */
static void test_directory_that_others_have_a_hand_in(void **state) {
    (void)state;
    char *root = scratch_new(), *other = scratch_new();
    struct state_dir dir = {.lock = -1};
    struct diag diag = {0};
    cleanup_free char *link = xasprintf("%s/link", other), *lock = xasprintf("%s/lock", root);
    assert_int_equal(symlink(root, link), 0);
    assert_false(state_dir_open(&dir, link, &diag));
    assert_non_null(strstr(diag.what, "is not a directory"));
    state_dir_release(&dir);
    cleanup_free char *victim = scratch_file(other, "victim", "", 0600);
    assert_int_equal(symlink(victim, lock), 0);
    assert_false(state_dir_open(&dir, root, &diag));
    assert_non_null(strstr(diag.what, "lock cannot be opened"));
    state_dir_release(&dir);
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(chmod(root, 0777), 0);
    assert_true(state_dir_open(&dir, root, &diag));
    struct stat st;
    assert_int_equal(stat(root, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    state_dir_release(&dir);
    if (geteuid() == 0) {
        assert_int_equal(chown(root, 12345, (gid_t)-1), 0);
        assert_false(state_dir_open(&dir, root, &diag));
        assert_non_null(strstr(diag.what, "belongs to uid 12345, not to ours"));
        state_dir_release(&dir);
    }
    scratch_free(other);
    scratch_free(root);
}

/* A daemon that was started without a standard output would else write its log into the lock. */
static void test_lock_is_no_standard_stream(void **state) {
    (void)state;
    if (getenv("UNDER_VALGRIND") != NULL) {
        skip();
    }
    char *root = scratch_new();
    pid_t child = fork();
    if (child == 0) {
        struct state_dir dir = {.lock = -1};
        close_range(STDIN_FILENO, STDERR_FILENO, 0);
        bool good = state_dir_open(&dir, root, NULL) && dir.lock > STDERR_FILENO;
        state_dir_release(&dir);
        _exit(good ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    scratch_free(root);
}

static void test_identity_stays(void **state) {
    (void)state;
    char *root = scratch_new();
    struct state_dir first = {.lock = -1}, second = {.lock = -1}, third = {.lock = -1};
    struct diag diag = {0};
    assert_true(state_dir_open(&first, root, &diag));
    uint64_t seed = first.seed;
    cleanup_free char *mark = xstrdup(first.mark);
    state_dir_release(&first);
    assert_true(state_dir_open(&second, root, &diag));
    assert_true(second.seed == seed && strcmp(second.mark, mark) == 0 && strlen(mark) == 16);
    state_dir_release(&second);
    free(scratch_file(root, "identity", "0123456789abcdef 0123", 0600));
    assert_true(state_dir_open(&third, root, &diag));
    assert_true(strlen(third.mark) == 16 && strcmp(third.mark, mark) != 0);
    state_dir_release(&third);
    scratch_free(root);
}

/* Nothing is wrong with what cannot be read for want of a descriptor: it is left for the next start. */
static void test_no_descriptor_left(void **state) {
    (void)state;
    char *root;
    struct journal_dir dir;
    struct journal_list list = {0};
    struct rlimit limit, none;
    struct diag diag = {0};
    struct state_dir home = {.lock = -1};
    open_dir(&dir, &root);
    struct journal_entry entry = entry_of("RM_1");
    keep(&dir, &entry);
    assert_true(state_dir_open(&home, root, &diag));
    cleanup_free char *mark = xstrdup(home.mark);
    state_dir_release(&home);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){0, limit.rlim_max};
    struct loop *loop = loop_new();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    bool loaded = journal_dir_load(&dir, &list, &diag);
    struct diag told = {0};
    struct app app = {.journal = dir, .loop = loop};
    bool started = adoption_restore(&app, &told);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_false(loaded);
    assert_string_equal(diag.where, "SIP_STATE_DIR");
    assert_false(started); /* and the daemon does not start without them: the agents of these calls would be ended */
    assert_string_equal(told.where, "SIP_STATE_DIR");
    assert_int_equal(faccessat(dir.fd, "RM_1.json", F_OK, 0), 0);
    home = (struct state_dir){.lock = -1};
    assert_true(state_dir_open(&home, root, &diag));
    assert_string_equal(home.mark, mark);
    state_dir_release(&home);
    loop_free(loop);
    journal_list_release(&list);
    journal_dir_close(&dir);
    scratch_free(root);
}

/* What is there and is no file is not drawn anew: the agents that live know the former one. */
static void test_identity_that_cannot_be_read(void **state) {
    (void)state;
    char *root = scratch_new();
    struct state_dir dir = {.lock = -1};
    struct diag diag = {0};
    cleanup_free char *path = xasprintf("%s/identity", root);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(state_dir_open(&dir, root, &diag));
    assert_string_equal(diag.where, path);
    state_dir_release(&dir);
    scratch_free(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_come_back_in_order),
        cmocka_unit_test(test_what_is_no_entry_is_set_aside),
        cmocka_unit_test(test_what_is_set_aside_stays),
        cmocka_unit_test(test_writing_where_something_is_in_the_way),
        cmocka_unit_test(test_the_newest_text_is_there_whole),
        cmocka_unit_test(test_files_are_used_again),
        cmocka_unit_test(test_spares_are_few),
        cmocka_unit_test(test_spares_are_made_ahead),
        cmocka_unit_test(test_directory_that_is_none),
        cmocka_unit_test(test_one_owner_at_a_time),
        cmocka_unit_test(test_directory_that_others_have_a_hand_in),
        cmocka_unit_test(test_lock_is_no_standard_stream),
        cmocka_unit_test(test_identity_stays),
        cmocka_unit_test(test_no_descriptor_left),
        cmocka_unit_test(test_identity_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
