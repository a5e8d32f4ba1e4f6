/* Any bytes as an env file: nothing crashes, and no value of a secret is ever in a message. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "settings/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    const char *secret = settings.livekit_api_secret;
    for (size_t i = 0; i < report.error_count && i < SETTINGS_MAX_PROBLEMS; i++) {
        if (secret != NULL && strlen(secret) >= 24 && strstr(report.errors[i].what, secret) != NULL) {
            abort();
        }
    }
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        struct buf shown = {0};
        settings_show(&settings, id, &shown);
        buf_release(&shown);
    }
    settings_release(&settings);
    return 0;
}
