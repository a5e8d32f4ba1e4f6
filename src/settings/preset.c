/* The presets, as a table. */
#include "settings/preset.h"

#include "base/mem.h"

/* How Stimm's own bridge started its worker: this command, its whole environment, and no token, for the worker mints
 * one with the API key and secret. `*` never lets out sipbridge's secrets. */
static const struct {
    enum setting_id id;
    const char *text;
} stimm[] = {
    {SETTING_SIP_AGENT_COMMAND, "python -m src.cli.agent_worker --room-name {room} --agent-id {agent_id} "
                                "--livekit-url {livekit_url}"},
    {SETTING_SIP_AGENT_CREDENTIALS, "api"},
    {SETTING_SIP_AGENT_ENV, "*"},
};

static void fill_in(struct settings *settings, enum setting_id id, const char *text) {
    free(settings->text[id]);
    free(settings->origin[id]);
    settings->text[id] = xstrdup(text);
    settings->origin[id] = xstrdup("preset of STIMM_API_URL");
}

void preset_apply(struct settings *settings) {
    bool from_stimm =
        settings_is_given(settings, SETTING_STIMM_API_URL) && !settings_is_given(settings, SETTING_SIP_AGENTS_FILE);
    if (!from_stimm || settings_is_given(settings, SETTING_SIP_AGENT_COMMAND)) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(stimm); i++) {
        if (!settings_is_given(settings, stimm[i].id)) {
            fill_in(settings, stimm[i].id, stimm[i].text);
        }
    }
}
