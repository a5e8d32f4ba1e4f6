/* Which of the two places it is. */
#include "source/rules_writer.h"

#include "source/rules_file.h"
#include "source/rules_redis.h"

static bool is_set(const char *setting) {
    return setting != NULL && setting[0] != '\0';
}

bool rules_place_check(const struct rules_place *place, struct diag *diag) {
    if (is_set(place->file) || is_set(place->redis_url)) {
        return true;
    }
    return diag_fail(diag, "",
                     "there is no place for rules: set SIP_RULES_FILE or REDIS_URL (are the daemon's settings in a "
                     "file? give it with --env-file)");
}

enum edit_result rules_write(const struct rules_place *place, const struct rules_change *change, struct buf *ret_text,
                             struct diag *diag) {
    if (!rules_place_check(place, diag)) {
        return EDIT_FAILED;
    }
    struct rules_place here = *place;
    struct loop *own = here.loop == NULL ? loop_new() : NULL;
    here.loop = own != NULL ? own : here.loop;
    cleanup_buf struct buf text = {0};
    enum edit_result result = is_set(here.file) ? rules_file_write(&here, change, &text, diag)
                                                : rules_redis_write(&here, change, &text, diag);
    if (result == EDIT_CHANGED && ret_text != NULL) {
        buf_add_slice(ret_text, buf_slice(&text));
    }
    if (own != NULL) {
        loop_free(own);
    }
    return result;
}
