/* The journal on disk: one file SID.json for each call in a directory of ours. A new text is written to a spare file and
 * exchanged with the entry, without fsync: that survives the death of this process (kill -9), and nothing in it means
 * anything after that of the machine. Exchanged rather than renamed over: ext4 then does not begin to write at once
 * (auto_da_alloc), which makes 20 us of 200; what the entry was is the spare of the next text.
 *
 * The file of a call that is forgotten is emptied and becomes a spare, too, so that files are hardly ever made or removed: ext4
 * gives an inode that was freed to nobody for one to five minutes and walks over all of these, one by one, for each file that
 * is made (fs/ext4/ialloc.c, recently_deleted), which is 1 ms behind a thousand of them; and a caller waits.
 *
 * Nobody else writes there (app/state_dir.h locks it), but what is found there is not believed: what is no entry is moved
 * to "set-aside" and told. */
#ifndef APP_JOURNAL_DIR_H
#define APP_JOURNAL_DIR_H

#include "base/buf.h"
#include "base/diag.h"
#include "base/log.h"
#include "bridge/journal.h"

enum { JOURNAL_SPARES = 64, JOURNAL_READY = 4 };

struct journal_dir {
    char *path;
    int fd;             /* -1: closed */
    unsigned spares;    /* files "spare0.json.tmp" and so on; the last is the next to be written */
    bool last_has_text; /* what an entry was; the others are empty */
    struct log_limit failures;
};

/* Opens PATH, which exists and is ours. False with DIAG. */
bool journal_dir_open(struct journal_dir *dir, const char *path, struct diag *diag) __attribute__((warn_unused_result));
/* Replaces the entry of SID (text_is_sid). False when it cannot be written: that was logged, once a second at most. */
bool journal_dir_keep(struct journal_dir *dir, const char *sid, struct slice text);
/* Forgets the entry of SID; nothing that it said is left. */
void journal_dir_drop(struct journal_dir *dir, const char *sid);

/* While nobody waits: makes one more spare, if there are fewer than JOURNAL_READY. False when none was made. */
bool journal_dir_prepare(struct journal_dir *dir);

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
