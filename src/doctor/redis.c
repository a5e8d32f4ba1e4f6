/* Redis: ours, and LiveKit's keys in it. */
#include <string.h>

#include "base/mem.h"
#include "doctor/judges.h"
#include "source/redis_source.h"

void judge_redis(const struct exam *exam, struct findings *findings) {
    const struct exam_redis *redis = &exam->redis;
    if (redis->reached) {
        findings_ok(findings, "Redis answers at %s", findings_text(findings, redis->shown_url));
        return;
    }
    char text[sizeof redis->failure + 4];
    diag_text(&redis->failure, text, sizeof text);
    struct finding *finding = findings_problem(findings, "Redis cannot be used: %s", text);
    finding_causes(finding, "the last known rules and agents stay in use; on a first start calls ring in vain");
    finding_repair(finding, "start it, or mend REDIS_URL: redis-cli -u %s PING",
                   findings_word(findings, slice_of(redis->shown_url)));
}

static bool tell_type(const char *key, const char *type, const char *wanted, struct findings *findings) {
    if (type[0] == '\0' || strcmp(type, "none") == 0 || strcmp(type, wanted) == 0) {
        return false;
    }
    struct finding *finding = findings_problem(findings, "the Redis key %s is a %s, a %s is wanted", key,
                                               findings_show(findings, slice_of(type)), wanted);
    finding_causes(finding, "it cannot be read: the last good ones stay in use");
    finding_repair(finding, "move it away, then write it anew: redis-cli RENAME %s %s.old", key, key);
    return true;
}

void judge_redis_types(const struct exam *exam, struct findings *findings) {
    bool wrong = tell_type(REDIS_RULES_KEY, exam->redis.rules_type, "string", findings);
    wrong = tell_type(REDIS_AGENTS_KEY, exam->redis.agents_type, "hash", findings) || wrong;
    if (!wrong) {
        findings_ok(findings, "sip_dispatch_rules and sip_agents have the right types, or are not there");
    }
}

void judge_redis_tracking(const struct exam *exam, struct findings *findings) {
    if (exam->redis.untracked[0] == '\0') {
        findings_ok(findings, "Redis tells of changes at once");
        return;
    }
    struct finding *finding = findings_warning(findings, "Redis does not tell of changes: %s",
                                               findings_text(findings, exam->redis.untracked));
    finding_causes(finding, "a changed rule or agent counts up to 30 s later");
    finding_repair(finding,
                   "Redis 6 or newer, and for an ACL user: ACL SETUSER NAME +client|id +client|tracking +subscribe "
                   "&__redis__:invalidate");
}

const char *json_field_again(const struct exam_json_field *json, struct findings *findings) {
    if (json->numbers == NULL || strstr(json->hash, "trunk") == NULL) {
        return NULL;
    }
    cleanup_free char *name =
        json->name != NULL ? xasprintf("--name %s ", findings_word(findings, slice_of(json->name))) : xstrdup("");
    cleanup_free char *line =
        xasprintf("sipbridge trunks create %s--number %s", name, findings_word(findings, slice_of(json->numbers)));
    return findings_text(findings, line);
}

static void tell_json(const struct exam *exam, struct findings *findings, const struct exam_json_field *json) {
    struct slice field = {json->field, json->field_size};
    const char *again = json_field_again(json, findings);
    struct finding *finding =
        findings_problem(findings, "the Redis hash %s holds JSON in its field %s, LiveKit keeps protobuf there%s%s",
                         json->hash, findings_show(findings, field), json->content != NULL ? ": " : "",
                         json->content != NULL ? json->content : "");
    finding_causes(finding, "LiveKit cannot list its trunks or rules, and refuses every call with 503");
    finding_repair(finding, "redis-cli -u %s HDEL %s %s\nor: sipbridge doctor --fix%s%s",
                   findings_word(findings, slice_of(exam->redis.shown_url)), json->hash, findings_word(findings, field),
                   again != NULL ? "\nthen: " : "", again != NULL ? again : "");
}

void judge_redis_json(const struct exam *exam, struct findings *findings) {
    const struct exam_redis *redis = &exam->redis;
    for (size_t i = 0; i < redis->json_count; i++) {
        tell_json(exam, findings, &redis->json[i]);
    }
    if (redis->json_cut) {
        struct finding *finding = findings_warning(findings, "LiveKit's hashes are too large to look at every field");
        finding_repair(finding, "run doctor again once what it found is mended");
    } else if (redis->json_count == 0) {
        findings_ok(findings,
                    redis->livekit_fields > 0
                        ? "no JSON where LiveKit keeps trunks and dispatch rules"
                        : "this Redis holds no trunks or dispatch rules of LiveKit's (LiveKit may use another one)");
    }
}
