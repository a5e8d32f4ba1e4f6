/* The kernel's interface, for libcap has more than we need. */
#include "spawner/local/rights.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

struct sets {
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static struct sets no_sets(void) {
    return (struct sets){.header.version = _LINUX_CAPABILITY_VERSION_3};
}

static bool read_sets(struct sets *ret_sets) {
    *ret_sets = no_sets();
    return syscall(SYS_capget, &ret_sets->header, ret_sets->data) == 0;
}

static bool write_sets(struct sets *sets) {
    return syscall(SYS_capset, &sets->header, sets->data) == 0;
}

static bool clear_ambient(void) {
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0;
}

uint32_t rights_effective(void) {
    struct sets sets;
    return read_sets(&sets) ? sets.data[0].effective : 0;
}

/* A unit's AmbientCapabilities= gives some in both sets. */
static bool clear_inherited(void) {
    struct sets sets;
    if (!clear_ambient() || !read_sets(&sets)) {
        return false;
    }
    uint32_t inherited = 0;
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        inherited |= sets.data[i].inheritable;
        sets.data[i].inheritable = 0;
    }
    return inherited == 0 || write_sets(&sets); /* a unit's SystemCallFilter= may forbid capset(2) */
}

void rights_keep(bool no_new_privs) {
    if (!clear_inherited()) {
        log_warning(NULL, "the capabilities that programs inherit cannot be cleared (%m): agents have them");
    }
    if (no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        log_warning(NULL, "PR_SET_NO_NEW_PRIVS fails (%m): setuid programs give agents more rights");
    }
}
