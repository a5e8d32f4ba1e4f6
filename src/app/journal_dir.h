/* The journal on disk: one file SID.json for each call in a directory of ours. Written beside (SID.json.tmp) and exchanged
 * with it, without fsync: that survives the death of this process (kill -9), and nothing in it means anything after that
 * of the machine. Exchanged rather than renamed over: ext4 then does not begin to write at once (auto_da_alloc), which
 * makes 20 us of 200; what is left beside is the text before. Nobody
 * else writes there (app/state_dir.h locks it), but what is found there is not believed: what is no entry is moved to
 * "set-aside" and told. */
#ifndef APP_JOURNAL_DIR_H
#define APP_JOURNAL_DIR_H

#include "base/buf.h"
#include "base/diag.h"
#include "base/log.h"
#include "bridge/journal.h"

struct journal_dir {
    char *path;
    int fd; /* -1: closed */
    struct log_limit failures;
};

/* Opens PATH, which exists and is ours. False with DIAG. */
bool journal_dir_open(struct journal_dir *dir, const char *path, struct diag *diag) __attribute__((warn_unused_result));
/* Replaces the entry of SID (text_is_sid). False when it cannot be written: that was logged, once a second at most. */
bool journal_dir_keep(struct journal_dir *dir, const char *sid, struct slice text);
void journal_dir_drop(const struct journal_dir *dir, const char *sid);

/* All entries that can be read, in the order in which a bridge takes them back (bridge_restore). */
struct journal_list {
    struct journal_entry *list;
    size_t count, room;
};
/* Fills a zeroed list; sets aside what is no entry. False with DIAG, and with what was read so far, when the journal cannot
 * be read now, for no descriptor or memory is left: nothing is wrong with it then. */
bool journal_dir_load(const struct journal_dir *dir, struct journal_list *ret_list, struct diag *diag)
    __attribute__((warn_unused_result));
void journal_list_release(struct journal_list *list);
/* Closes it. Twice, or of one never opened (zeroed but for fd -1), does nothing. */
void journal_dir_close(struct journal_dir *dir);

#endif
