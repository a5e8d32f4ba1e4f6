/* The settings, and the switch that turns everything off. */
#include "doctor/judges.h"

static void tell(struct findings *findings, enum finding_level level, const struct diag *diags, size_t count) {
    size_t kept = count < SETTINGS_MAX_PROBLEMS ? count : SETTINGS_MAX_PROBLEMS;
    for (size_t i = 0; i < kept; i++) {
        char text[sizeof diags[i] + 4];
        diag_text(&diags[i], text, sizeof text);
        struct finding *finding = findings_add(findings, level, "%s", text);
        finding_causes(finding, level == FINDING_PROBLEM ? "`sipbridge serve` does not start"
                                                         : "it may do something else than was meant");
        finding_repair(finding, "set %s as said; `sipbridge config` shows where each value came from", diags[i].where);
    }
}

void judge_settings(const struct exam *exam, struct findings *findings) {
    const struct exam_settings *settings = &exam->settings;
    tell(findings, FINDING_PROBLEM, settings->report->errors, settings->report->error_count);
    tell(findings, FINDING_WARNING, settings->report->warnings, settings->report->warning_count);
    if (settings->report->error_count == 0 && settings->keys.what[0] != '\0') {
        char text[sizeof settings->keys + 4];
        diag_text(&settings->keys, text, sizeof text);
        struct finding *finding = findings_problem(findings, "%s", text);
        finding_causes(finding, "nothing can be signed or verified: `sipbridge serve` does not start");
        finding_repair(finding,
                       "LIVEKIT_API_KEY=… and LIVEKIT_API_SECRET=… as under `keys:` in LiveKit's configuration");
    } else if (settings->report->error_count == 0 && settings->report->warning_count == 0) {
        findings_ok(findings, "the settings are good");
    }
}

void judge_enabled(const struct exam *exam, struct findings *findings) {
    if (exam->settings.values->enabled) {
        findings_ok(findings, "ENABLE_SIP_BRIDGE is true");
        return;
    }
    struct finding *finding = findings_problem(findings, "ENABLE_SIP_BRIDGE is false (%s)",
                                               exam->settings.values->origin[SETTING_ENABLE_SIP_BRIDGE]);
    finding_causes(finding, "webhooks are answered and ignored, no call gets an agent");
    finding_repair(finding, "ENABLE_SIP_BRIDGE=true, then restart `sipbridge serve`");
}
