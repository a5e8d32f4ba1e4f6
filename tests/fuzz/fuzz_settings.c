/* Any bytes as an env file: nothing crashes, and what is wrong with a secret is told without it. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "settings/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Other settings may happen to hold the same text and show it. */
static void check_error(const struct settings *settings, const struct diag *error) {
    const char *secret = settings->text[SETTING_LIVEKIT_API_SECRET];
    bool about_it = strncmp(error->where, "LIVEKIT_API_SECRET", strlen("LIVEKIT_API_SECRET")) == 0;
    if (about_it && strlen(secret) >= 8 && strstr(error->what, secret) != NULL) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct settings_report report;
    struct settings settings;
    char path[32];
    cleanup_fd int file = memfd_create("env", MFD_CLOEXEC);
    if (file < 0 || write(file, data, size) != (ssize_t)size) {
        return 0;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    (void)settings_load(&settings, path, NULL, &report);
    for (size_t i = 0; i < report.error_count && i < SETTINGS_MAX_PROBLEMS; i++) {
        check_error(&settings, &report.errors[i]);
    }
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        struct buf shown = {0};
        settings_show(&settings, id, &shown);
        buf_release(&shown);
    }
    settings_release(&settings);
    return 0;
}
