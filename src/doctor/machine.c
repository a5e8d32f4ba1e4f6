/* What this machine gives: the state directory, open files, and the listeners. */
#include <inttypes.h>

#include "doctor/judges.h"

enum { FREE_LEAST = 16 << 20, FREE_GOOD = 256 << 20, FILES_OF_BRIDGE = 100, FILES_OF_CALL = 3, CALLS_FEW = 50 };

static void judge_missing_dir(const struct exam *exam, struct findings *findings) {
    const char *path = exam->settings.values->state_dir;
    if (exam->machine.state_dir.can_be_made) {
        findings_ok(findings, "%s is not there yet; `sipbridge serve` makes it", path);
        return;
    }
    struct finding *finding = findings_problem(findings, "SIP_STATE_DIR: %s is not there, and cannot be made by uid %u",
                                               path, exam->machine.uid);
    finding_causes(finding, "`sipbridge serve` does not start");
    finding_repair(finding, "install -d -m 700 -o USER %s (USER: who runs `sipbridge serve`)",
                   findings_word(findings, slice_of(path)));
}

static void judge_shared_dir(const char *path, struct findings *findings) {
    struct finding *finding =
        findings_problem(findings,
                         "SIP_STATE_DIR: %s is not sipbridge's alone: others may enter it, and other things are in it",
                         path);
    finding_causes(finding, "`sipbridge serve` does not start: it would have to close it to them");
    finding_repair(finding, "SIP_STATE_DIR=/var/lib/sipbridge, or another directory of its own");
}

/* Root looks at the directory of the user whom the service runs as, and the running bridge has shown that it can use it. */
static bool is_foreign_dir(const struct exam *exam) {
    unsigned uid = exam->machine.uid;
    return uid != 0 && exam->machine.state_dir.uid != uid && exam->daemon.state != DAEMON_UP;
}

static void judge_owner(const struct exam *exam, struct findings *findings) {
    const struct exam_state_dir *dir = &exam->machine.state_dir;
    const char *path = exam->settings.values->state_dir;
    bool is_foreign = is_foreign_dir(exam);
    if (is_foreign || (!dir->writable && dir->uid == exam->machine.uid)) {
        struct finding *finding =
            is_foreign ? findings_problem(findings, "SIP_STATE_DIR: %s belongs to uid %u, and this is uid %u", path,
                                          dir->uid, exam->machine.uid)
                       : findings_problem(findings, "SIP_STATE_DIR: %s cannot be written", path);
        finding_causes(finding, "started by this user, `sipbridge serve` refuses it");
        finding_repair(finding, "run doctor as the user who runs `sipbridge serve`, or: chown USER %s",
                       findings_word(findings, slice_of(path)));
    }
    if (dir->is_shared) {
        judge_shared_dir(path, findings);
    } else if ((dir->mode & 077) != 0) {
        struct finding *finding =
            findings_warning(findings, "SIP_STATE_DIR: %s is open to others (mode %04o)", path, dir->mode);
        finding_causes(finding, "others on this machine can read phone numbers and agents' output");
        finding_repair(finding, "chmod 700 %s", findings_word(findings, slice_of(path)));
    }
}

static void judge_space(const struct exam *exam, struct findings *findings) {
    const struct exam_state_dir *dir = &exam->machine.state_dir;
    if (!dir->free_known || dir->free_bytes >= FREE_GOOD) {
        return;
    }
    bool none = dir->free_bytes < FREE_LEAST;
    struct finding *finding = findings_add(findings, none ? FINDING_PROBLEM : FINDING_WARNING,
                                           "SIP_STATE_DIR: %s has %" PRIu64 " MiB left on its disk",
                                           exam->settings.values->state_dir, dir->free_bytes >> 20);
    finding_causes(finding, "when it is full, agents' output and the copy of the rules are lost");
    finding_repair(finding, "make room; SIP_LOG_MAX and SIP_LOG_KEEP say how much of agents' output is kept");
}

void judge_state_dir(const struct exam *exam, struct findings *findings) {
    const struct exam_state_dir *dir = &exam->machine.state_dir;
    const char *path = exam->settings.values->state_dir;
    size_t wrong = findings_total(findings, FINDING_PROBLEM) + findings_total(findings, FINDING_WARNING);
    if (!dir->exists) {
        judge_missing_dir(exam, findings);
        return;
    }
    if (!dir->is_directory) {
        struct finding *finding = findings_problem(findings, "SIP_STATE_DIR: %s is not a directory", path);
        finding_causes(finding, "`sipbridge serve` does not start");
        finding_repair(finding, "SIP_STATE_DIR=/var/lib/sipbridge, or another directory of its own");
        return;
    }
    judge_owner(exam, findings);
    judge_space(exam, findings);
    if (wrong < findings_total(findings, FINDING_PROBLEM) + findings_total(findings, FINDING_WARNING)) {
        return;
    }
    if (dir->uid != exam->machine.uid) {
        findings_ok(findings, "%s can be used by uid %u, whose it is", path, dir->uid);
    } else {
        findings_ok(findings, "%s can be used", path);
    }
}

/* Calls that may have an agent at once, and what allows so many. */
struct allowance {
    int64_t calls; /* -1: as many as come */
    const char *by;
    int64_t standbys; /* that may wait beside them */
};

/* What all agents may have at once; -1: as many as come. */
static int64_t sum_of_max(const struct directory *directory) {
    int64_t calls = 0;
    if (directory == NULL || directory_count(directory) == 0) {
        return -1;
    }
    for (size_t i = 0; i < directory_count(directory); i++) {
        const struct agent *agent = directory_at(directory, i);
        if (agent->max == 0 && agent->broken == NULL) {
            return -1;
        }
        calls += agent->max;
    }
    return calls;
}

static struct allowance most_calls(const struct exam *exam) {
    int64_t by_agents = sum_of_max(exam->documents->agents.directory), by_setting = exam->settings.values->max_calls;
    if (by_setting > 0 && (by_agents < 0 || by_setting <= by_agents)) {
        return (struct allowance){by_setting, "SIP_MAX_CALLS allows", 0};
    }
    return (struct allowance){by_agents, "the agents' max allow", 0};
}

/* So many processes may wait for calls. */
static int64_t most_standbys(const struct directory *directory) {
    const struct agent *template = directory != NULL ? directory_template(directory) : NULL;
    int64_t count = template != NULL && template->standby.least > 0 ? template->standby.most : 0;
    for (size_t i = 0; directory != NULL && i < directory_count(directory); i++) {
        const struct agent *agent = directory_at(directory, i);
        count += agent->standby.least > 0 && agent->broken == NULL ? agent->standby.most : 0;
    }
    return count;
}

static struct finding *say_few_files(struct findings *findings, int64_t limit, const struct allowance *most) {
    int64_t room = limit > FILES_OF_BRIDGE ? (limit - FILES_OF_BRIDGE) / FILES_OF_CALL : 0;
    if (most->standbys > 0) {
        return findings_problem(findings,
                                "the limit of %" PRId64 " open files has room for %" PRId64
                                " calls and standbys, but %s %" PRId64 ", and %" PRId64 " may stand by",
                                limit, room, most->calls >= 0 ? most->by : "a few calls are",
                                most->calls >= 0 ? most->calls : CALLS_FEW, most->standbys);
    }
    if (most->calls > 0) {
        return findings_problem(findings,
                                "the limit of %" PRId64 " open files has room for %" PRId64 " calls, but %s %" PRId64,
                                limit, room, most->by, most->calls);
    }
    return findings_warning(findings, "the limit of %" PRId64 " open files has room for %" PRId64 " calls only", limit,
                            room);
}

void judge_file_limit(const struct exam *exam, struct findings *findings) {
    bool of_daemon = exam->daemon.state == DAEMON_UP && exam->daemon.file_limit > 0;
    int64_t limit = of_daemon ? exam->daemon.file_limit : exam->machine.file_limit;
    struct allowance most = most_calls(exam);
    most.standbys = most_standbys(exam->documents->agents.directory);
    int64_t wanted = FILES_OF_BRIDGE + FILES_OF_CALL * ((most.calls >= 0 ? most.calls : CALLS_FEW) + most.standbys);
    if (limit == 0 || limit >= wanted) {
        findings_ok(findings, "open files: the limit has room for the calls that may come");
        return;
    }
    struct finding *finding = say_few_files(findings, limit, &most);
    finding_causes(finding, "calls above it get no agent");
    finding_repair(finding,
                   of_daemon
                       ? "LimitNOFILE=65536 in the [Service] part of the systemd unit (docker run --ulimit "
                         "nofile=65536), then restart `sipbridge serve`"
                       : "ulimit -Hn 65536 where `sipbridge serve` is started (this shell's limit was looked at)");
}

/* Between us and the running bridge the settings may differ. */
static struct finding *judge_listener(const struct exam *exam, struct findings *findings,
                                      const struct exam_listen *listen) {
    bool runs = exam->daemon.state == DAEMON_UP;
    const char *address = findings_show(findings, slice_of(listen->address));
    struct finding *finding = NULL;
    if (listen->answer == LISTEN_STRANGER) {
        finding = findings_problem(findings, "SIP_LISTEN: something that is not sipbridge answers at %s", address);
        finding_causes(finding, "LiveKit's webhooks go to it, and `sipbridge serve` cannot start there");
        finding_repair(finding, "stop it (ss -ltnp shows what it is), or set SIP_LISTEN to another address");
    } else if (listen->answer == LISTEN_NOBODY && runs) {
        finding = findings_problem(findings, "SIP_LISTEN: nobody answers at %s although the bridge runs", address);
        finding_causes(finding, "it was started with other settings: LiveKit's webhooks go nowhere");
        finding_repair(finding, "restart `sipbridge serve` with these settings");
    } else if (listen->answer == LISTEN_OURS && exam->daemon.state == DAEMON_AWAY) {
        finding =
            findings_warning(findings, "SIP_LISTEN: a bridge answers at %s, but not at SIP_ADMIN_LISTEN", address);
        finding_causes(finding, "it was started with other settings, and much cannot be checked");
        finding_repair(finding, "restart `sipbridge serve` with these settings");
    }
    return finding;
}

void judge_listen(const struct exam *exam, struct findings *findings) {
    size_t asked = 0;
    bool good = true;
    for (size_t i = 0; i < exam->machine.listen_count; i++) {
        const struct exam_listen *listen = &exam->machine.listens[i];
        asked += listen->answer != LISTEN_NOT_ASKED;
        good = judge_listener(exam, findings, listen) == NULL && good;
    }
    if (asked == 0) {
        (void)findings_add(findings, FINDING_SKIPPED,
                           "not checked, because SIP_LISTEN names no port of its own (fd:N or port 0)");
    } else if (good) {
        findings_ok(findings, exam->daemon.state == DAEMON_UP ? "the bridge answers at SIP_LISTEN"
                                                              : "the addresses of SIP_LISTEN are free");
    }
}
