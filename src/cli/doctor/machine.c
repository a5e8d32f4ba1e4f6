/* The state directory, the limit on open files, and who answers at SIP_LISTEN. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/state_dir.h"
#include "cli/doctor/gather.h"
#include "cli/target.h"
#include "http/client.h"

enum { LISTEN_TIMEOUT_MS = 1000, LISTENS_ASKED = 3, HEALTH_MAX = 65536 };

/* Whether a directory could be made at PATH. */
static bool parent_is_writable(const char *path) {
    cleanup_free char *parent = xstrdup(path);
    char *slash = strrchr(parent, '/');
    if (slash == NULL) {
        return false;
    }
    slash[slash == parent ? 1 : 0] = '\0';
    return access(parent, W_OK | X_OK) == 0;
}

static void look_at_state_dir(const char *path, struct exam_state_dir *dir) {
    struct stat info;
    struct statvfs disk;
    if (lstat(path, &info) != 0) {
        dir->can_be_made = errno == ENOENT && parent_is_writable(path);
        return;
    }
    dir->exists = true;
    dir->is_directory = S_ISDIR(info.st_mode);
    dir->uid = info.st_uid;
    dir->mode = info.st_mode & 07777;
    dir->writable = access(path, W_OK | X_OK) == 0;
    dir->is_shared = state_dir_is_shared(path);
    dir->free_known = statvfs(path, &disk) == 0;
    dir->free_bytes = dir->free_known ? (uint64_t)disk.f_bavail * disk.f_frsize : 0;
}

static bool has_own_port(const char *address) {
    size_t size = strlen(address);
    bool is_handed_over = strncmp(address, "fd:", 3) == 0;
    return !is_handed_over && !(size > 2 && strcmp(address + size - 2, ":0") == 0);
}

static enum listen_answer ask(struct http_client *client, const char *address) {
    struct target target __attribute__((cleanup(target_release)));
    cleanup_buf struct buf body = {0};
    struct diag diag;
    int status = 0;
    target_init(&target, slice_of(address), "/health/sip-bridge");
    struct http_call call = {.method = "GET",
                             .url = target.url,
                             .unix_socket = target.unix_socket,
                             .timeout_ms = LISTEN_TIMEOUT_MS,
                             .max_answer = HEALTH_MAX};
    if (http_client_call(client, &call, &status, &body, &diag)) {
        bool is_ours = status == 200 && body.len > 0 && strstr(body.p, "\"sip_bridge\":") != NULL;
        return is_ours ? LISTEN_OURS : LISTEN_STRANGER;
    }
    return strstr(diag.what, "nobody answers") != NULL ? LISTEN_NOBODY : LISTEN_STRANGER;
}

static void look_at_listens(char *const *addresses, struct exam_machine *machine) {
    struct http_client *client = http_client_new();
    size_t asked = 0;
    for (size_t i = 0; addresses[i] != NULL && i < EXAM_LISTENS; i++) {
        bool wanted = has_own_port(addresses[i]) && asked < LISTENS_ASKED;
        asked += wanted;
        machine->listens[machine->listen_count++] =
            (struct exam_listen){addresses[i], wanted ? ask(client, addresses[i]) : LISTEN_NOT_ASKED};
    }
    http_client_free(client);
}

void gather_machine(const struct settings *settings, struct exam_machine *ret_machine) {
    struct rlimit limit;
    *ret_machine = (struct exam_machine){.uid = geteuid()};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max != RLIM_INFINITY) {
        ret_machine->file_limit = (int64_t)limit.rlim_max;
    }
    look_at_state_dir(settings->state_dir, &ret_machine->state_dir);
    look_at_listens(settings->listen, ret_machine);
}
