/* The user database. */
#include "spawner/local/account.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "spawner/local/rights.h"

enum { GROUPS_MAX = 65536, ID_MAX_DIGITS = 10 };

static bool parse_id(struct slice text, unsigned *ret_id) {
    int64_t id;
    if (text.n == 0 || text.n > ID_MAX_DIGITS || !text_int64(text, &id) || id < 0 || id >= UINT32_MAX) {
        return false; /* the highest means "unchanged" to setresuid(2) */
    }
    *ret_id = (unsigned)id;
    return true;
}

/* "UID:GID" */
static bool parse_pair(const char *text, struct account *account) {
    const char *colon = strchr(text, ':');
    return colon != NULL && parse_id((struct slice){text, (size_t)(colon - text)}, &account->uid) &&
           parse_id(slice_of(colon + 1), &account->gid);
}

static void read_groups(const struct passwd *user, struct account *account) {
    int count = 16, room;
    do {
        room = count;
        account->groups = xrealloc(account->groups, (size_t)room * sizeof(gid_t));
    } while (getgrouplist(user->pw_name, user->pw_gid, account->groups, &count) < 0 && count > room &&
             count <= GROUPS_MAX);
    account->group_count = (size_t)(count < room ? count : room);
}

static const struct passwd *find_user(const char *text) {
    unsigned uid;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): at the start, before there is a thread */
    return parse_id(slice_of(text), &uid) ? getpwuid(uid) : getpwnam(text);
}

static bool look_up(const char *text, struct account *account, struct diag *diag) {
    const struct passwd *user = find_user(text);
    cleanup_buf struct buf shown = {0};
    if (user == NULL) {
        text_escape(&shown, slice_of(text), 80);
        return diag_fail(diag, "SIP_AGENT_USER",
                         "\"%s\" is no user of this machine; a user that is not in its database is written as UID:GID",
                         shown.p);
    }
    account->name = xstrdup(user->pw_name);
    account->home = xstrdup(user->pw_dir);
    account->uid = user->pw_uid;
    account->gid = user->pw_gid;
    read_groups(user, account);
    return true;
}

bool account_find(const char *text, struct account *ret_account, struct diag *diag) {
    struct account account = {0};
    if (parse_pair(text, &account)) {
        account.home = xstrdup("/");
    } else if (!look_up(text, &account, diag)) {
        return false;
    }
    if (account.uid == 0) {
        account_release(&account);
        return diag_fail(diag, "SIP_AGENT_USER", "is root: agents need a user that may do little");
    }
    *ret_account = account;
    return true;
}

bool account_can_be_used(const struct account *account, struct diag *diag) {
    static const struct {
        uint32_t bit;
        const char *name;
    } needed[] = {{1U << CAP_SETUID, " CAP_SETUID"}, {1U << CAP_SETGID, " CAP_SETGID"}, {1U << CAP_KILL, " CAP_KILL"}};
    cleanup_buf struct buf missing = {0};
    uint32_t ours = rights_effective();
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        if ((ours & needed[i].bit) == 0) {
            buf_adds(&missing, needed[i].name);
        }
    }
    if (missing.len == 0) {
        return true;
    }
    return diag_fail(diag, "SIP_AGENT_USER",
                     "agents cannot run as uid %u: we run as uid %u without%s; start sipbridge as root, give it these "
                     "capabilities (AmbientCapabilities= of its unit), or leave this setting out",
                     (unsigned)account->uid, (unsigned)geteuid(), missing.p);
}

bool account_can_be_seen(void) {
    return (rights_effective() & 1U << CAP_SYS_PTRACE) != 0;
}

void account_release(struct account *account) {
    free(account->name);
    free(account->home);
    free(account->groups);
    *account = (struct account){0};
}
