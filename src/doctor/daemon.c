/* The running bridge. */
#include <string.h>

#include "doctor/judges.h"

void judge_daemon(const struct exam *exam, struct findings *findings) {
    const struct exam_daemon *daemon = &exam->daemon;
    const char *why = findings_text(findings, daemon->why), *where = findings_show(findings, slice_of(daemon->where));
    struct finding *finding = NULL;
    switch (daemon->state) {
    case DAEMON_UP: findings_ok(findings, "the bridge runs and accepts our key"); break;
    case DAEMON_REFUSES:
        finding = findings_problem(findings, "the running bridge at %s does not accept our key", where);
        finding_causes(finding,
                       "its keys are not those of these settings: it was started with others, or not reloaded");
        finding_repair(finding, "restart `sipbridge serve` with these settings, or run doctor with the bridge's "
                                "(--env-file FILE)");
        break;
    case DAEMON_STRANGER:
        finding = findings_problem(findings, "what answers at %s is not sipbridge: %s", where, why);
        finding_causes(finding, "sipbridge does not run there, no call gets an agent");
        finding_repair(finding, "set SIP_ADMIN_LISTEN to another address, or stop what is there (ss -ltnp)");
        break;
    case DAEMON_AWAY:
    case DAEMON_NOT_ASKED:
        finding = findings_problem(findings, "the bridge does not run: %s", why);
        finding_causes(finding, "no call gets an agent");
        finding_repair(finding, "systemctl start sipbridge, or `sipbridge serve` with these settings");
        break;
    }
}

void judge_version(const struct exam *exam, struct findings *findings) {
    const char *running = findings_show(findings, slice_of(exam->daemon.version));
    if (strcmp(exam->daemon.version, SIPBRIDGE_VERSION) == 0) {
        findings_ok(findings, "the running bridge is of this version, %s", SIPBRIDGE_VERSION);
        return;
    }
    struct finding *finding =
        findings_warning(findings, "the running bridge is version %s, this program is %s", running, SIPBRIDGE_VERSION);
    finding_causes(finding, "what this program tells of rules and settings may not be what the bridge does");
    finding_repair(finding, "systemctl restart sipbridge");
}

void judge_failing_agents(const struct exam *exam, struct findings *findings) {
    if (exam->daemon.resting[0] == '\0') {
        findings_ok(findings, "no agent fails again and again");
        return;
    }
    struct finding *finding = findings_problem(findings, "agents that fail again and again: %s",
                                               findings_show(findings, slice_of(exam->daemon.resting)));
    finding_causes(finding, "their calls get their next choice, or are hung up");
    finding_repair(finding, "sipbridge calls logs SID shows what the agent of such a call said last (sipbridge status "
                            "names calls); sipbridge reload tries the agents at once");
}

void judge_standbys(const struct exam *exam, struct findings *findings) {
    if (exam->daemon.unready[0] == '\0') {
        findings_ok(findings, "no agent's standbys fail");
        return;
    }
    struct finding *finding = findings_warning(findings, "no standby is ready of: %s",
                                               findings_show(findings, slice_of(exam->daemon.unready)));
    finding_causes(finding, "their calls start a process of their own, and ring until it has loaded everything");
    finding_repair(finding,
                   "the bridge's log has the last lines of each that failed; an agent that stands by says READY=1 "
                   "and reads one line (doc/standby.md); sipbridge reload tries again at once");
}

void judge_health(const struct exam *exam, struct findings *findings) {
    const char *message = findings_text(findings, exam->daemon.message);
    if (strcmp(exam->daemon.health, "degraded") != 0) {
        findings_ok(findings, "the bridge says: %s", message);
        return;
    }
    struct finding *finding = findings_problem(findings, "the bridge is degraded: %s", message);
    finding_causes(finding, "as it says");
    const char *remedy = findings_text(findings, exam->daemon.remedy);
    finding_repair(finding, "%s", remedy[0] != '\0' ? remedy : "sipbridge status shows its last errors");
}
