/* PATH look-up, as execvp does it but for another environment and working directory, with reasons for people. */
#include "spawner/local/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "spawner/local/environ.h"
#include "spawner/local/local.h"

/* 0 when PATH is a file we may execute, else an errno. */
static int file_error(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0) {
        return errno;
    }
    if (!S_ISREG(st.st_mode)) {
        return EISDIR;
    }
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

static char *absolute(const char *base, const char *name) {
    return name[0] == '/' ? xstrdup(name) : xasprintf("%s/%s", base, name);
}

/* The directory that relative names start from. */
static char *base_directory(const char *cwd, struct diag *diag) {
    if (cwd != NULL && cwd[0] == '/') {
        return xstrdup(cwd);
    }
    char *ours = getcwd(NULL, 0);
    if (ours == NULL) {
        diag_fail(diag, "cwd", "our working directory is gone: give an absolute path");
        return NULL;
    }
    if (cwd == NULL) {
        return ours;
    }
    char *joined = xasprintf("%s/%s", ours, cwd);
    free(ours);
    return joined;
}

static bool check_directory(const char *cwd, struct diag *diag) {
    struct stat st;
    cleanup_buf struct buf shown = {0};
    text_escape(&shown, slice_of(cwd), 120);
    if (stat(cwd, &st) != 0) {
        return diag_fail(diag, "cwd", "%s: %m: give a directory that exists", shown.p);
    }
    return S_ISDIR(st.st_mode) || diag_fail(diag, "cwd", "%s is not a directory", shown.p);
}

/* The first executable COMMAND in the directories of PATH; errno says what was wrong with the best of the others. */
static char *search(const char *command, const char *path, const char *base) {
    int error = ENOENT;
    for (const char *at = path;; at++) {
        size_t length = strcspn(at, ":");
        cleanup_free char *entry = xmemdup(at, length);
        cleanup_free char *directory = length > 0 ? absolute(base, entry) : xstrdup(base);
        char *file = xasprintf("%s/%s", directory, command);
        int found = file_error(file);
        if (found == 0) {
            return file;
        }
        error = found == EACCES ? EACCES : error;
        free(file);
        at += length;
        if (*at == '\0') {
            errno = error;
            return NULL;
        }
    }
}

static void explain(struct diag *diag, const char *command, const char *path, int error) {
    cleanup_buf struct buf shown = {0}, places = {0};
    text_escape(&shown, slice_of(command), 120);
    text_escape(&places, slice_of(path), 120);
    if (error == EACCES) {
        diag_fail(diag, "command[0]", "%s may not be executed by us: check its mode (chmod +x) and owner", shown.p);
    } else if (error == EISDIR) {
        diag_fail(diag, "command[0]", "%s is not a file: name a program", shown.p);
    } else if (strchr(command, '/') != NULL) {
        diag_fail(diag, "command[0]", "%s does not exist: install it or correct the path", shown.p);
    } else {
        diag_fail(diag, "command[0]", "%s is not in PATH (%s): install it, or give its full path", shown.p, places.p);
    }
}

char *resolve_command(const char *command, const char *path, const char *cwd, struct diag *diag) {
    cleanup_free char *base = base_directory(cwd, diag);
    if (base == NULL || (cwd != NULL && !check_directory(base, diag))) {
        return NULL;
    }
    if (command[0] == '\0') {
        diag_fail(diag, "command[0]", "is empty: name a program to run");
        return NULL;
    }
    if (strchr(command, '/') == NULL) {
        char *file = search(command, path, base);
        if (file == NULL) {
            explain(diag, command, path, errno);
        }
        return file;
    }
    cleanup_free char *file = absolute(base, command);
    int error = file_error(file);
    if (error != 0) {
        explain(diag, command, path, error);
        return NULL;
    }
    return take_ptr(file);
}

char *local_resolve(const char *command, const char *const *env, const char *cwd, struct diag *diag) {
    const char *path = strv_value(env, "PATH");
    if (path == NULL) {
        path = strv_value((const char *const *)environ, "PATH");
    }
    return resolve_command(command, path != NULL ? path : ENVIRON_DEFAULT_PATH, cwd, diag);
}
