/* Log records of the sources. */
#include "source/report.h"

#include <stdio.h>

#include "base/log.h"
#include "base/text.h"

enum { SHOWN_BROKEN = 20, SAY_AGAIN_MS = 60000 };

const char *report_noun(const struct snapshot *snapshot) {
    return snapshot->what == SNAPSHOT_RULES ? "rules" : "agents";
}

static void warn_of_broken(const struct directory *directory, const char *from) {
    size_t broken = 0;
    for (size_t i = 0; i < directory_count(directory); i++) {
        const struct agent *agent = directory_at(directory, i);
        if (agent->broken == NULL) {
            continue;
        }
        if (broken++ < SHOWN_BROKEN) {
            log_warning(NULL, "agents from %s: %s cannot be used: %s; calls go to what the rules name next", from,
                        agent->name, agent->broken);
        }
    }
    if (broken > SHOWN_BROKEN) {
        log_warning(NULL, "agents from %s: %zu more cannot be used", from, broken - SHOWN_BROKEN);
    }
}

void report_new(const struct snapshot *snapshot, const char *from) {
    log_info(NULL, "%s from %s: %zu in use now", report_noun(snapshot), from, snapshot->state.count);
    for (size_t i = 0; snapshot->rules != NULL && i < ruleset_warnings(snapshot->rules); i++) {
        log_warning(NULL, "rules from %s: %s", from, ruleset_warning(snapshot->rules, i));
    }
    if (snapshot->directory == NULL) {
        return;
    }
    for (size_t i = 0; i < directory_warnings(snapshot->directory); i++) {
        log_warning(NULL, "agents from %s: %s", from, directory_warning(snapshot->directory, i));
    }
    warn_of_broken(snapshot->directory, from);
}

void report_kept(const struct snapshot *snapshot, const char *from) {
    const char *noun = report_noun(snapshot);
    if (snapshot->text.len > 0) {
        log_warning(NULL, "%s from %s: %s, keeping the %zu %s in use", noun, from, snapshot->state.error,
                    snapshot->state.count, noun);
    } else {
        log_error(NULL, "%s from %s: %s, no %s are in use yet, calls wait for them", noun, from, snapshot->state.error,
                  noun);
    }
}

static void say_lost(const char *error, int64_t retry_ms, const struct report_peer_now *now) {
    char delay[24] = "at once", in[32];
    if (retry_ms > 0) {
        text_duration_format(retry_ms, delay);
    }
    snprintf(in, sizeof in, "%s%s", retry_ms > 0 ? "in " : "", delay);
    const char *meanwhile = now->ready ? "what is in use stays" : "calls wait for the first load";
    log_warning(NULL, "%s %s: %s, %s, again %s", now->peer, now->label, error, meanwhile, in);
}

static void report_lost(struct report_peer *last, const char *error, int64_t retry_ms,
                        const struct report_peer_now *now) {
    bool same = strcmp(last->error, error) == 0 && last->retry_ms == retry_ms;
    if (same && now->now - last->said_at < SAY_AGAIN_MS) {
        return;
    }
    say_lost(error, retry_ms, now);
    snprintf(last->error, sizeof last->error, "%s", error);
    last->retry_ms = retry_ms;
    last->said_at = now->now;
}

static void say_connected(const struct report_peer *last, const struct redis_status *status, const char *label) {
    if (status->tracking) {
        log_info(NULL, "Redis %s: connected, changes are seen at once", label);
    } else if (strcmp(last->untracked, status->untracked) != 0) {
        log_warning(NULL, "Redis %s: connected, but it does not tell of changes (%s): they are seen within 30 s", label,
                    status->untracked);
    } else {
        log_info(NULL, "Redis %s: connected", label);
    }
}

void report_redis(struct report_peer *last, const struct redis_status *status, const struct report_peer_now *now) {
    if (!status->connected) {
        report_lost(last, status->error, status->retry_ms, now);
        return;
    }
    say_connected(last, status, now->label);
    memcpy(last->untracked, status->untracked, sizeof last->untracked);
    last->error[0] = '\0';
}

void report_stimm(struct report_peer *last, const struct stimm_status *status, const struct report_peer_now *now) {
    if (status->state != STIMM_CONNECTED) {
        report_lost(last, status->error, status->retry_ms, now);
        return;
    }
    if (last->error[0] != '\0') {
        log_info(NULL, "Stimm %s: gives its agents again", now->label);
    }
    last->error[0] = '\0';
}
