/* The checks of doctor, without a world: a healthy exam has nothing to say, and each thing that may be broken in it is
 * found by its check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "doctor/check.h"
#include "doctor/judges.h"

/* Everything a healthy exam points to, to be broken at will. */
struct world {
    struct settings settings;
    struct settings_report report;
    struct fetch documents;
    struct slice numbers[2], addresses[1], names[1];
    struct livekit_trunk trunk;
    struct livekit_rule rule;
    struct livekit_room room;
    struct livekit_dispatch dispatch;
    struct livekit_participant participant;
    struct livekit_result rooms, trunks, rules, created, participants, dispatches;
    struct contact contact;
    struct exam exam;
};

static struct livekit_result good(enum livekit_what what, const void *items) {
    return (struct livekit_result){.outcome = LIVEKIT_OK,
                                   .status = 200,
                                   .answer = {.what = what, .count = 1, .items = items}};
}

static void give_documents(struct world *world, const char *rules, const char *agents) {
    struct directory_defaults defaults = {0};
    ruleset_release(world->documents.rules.rules);
    directory_release(world->documents.agents.directory);
    world->documents.rules.rules = ruleset_parse(slice_of(rules), NULL);
    world->documents.agents.directory = directory_parse(slice_of(agents), &defaults, NULL);
    assert_true(world->documents.rules.rules != NULL && world->documents.agents.directory != NULL);
}

static void give_livekit(struct world *world) {
    world->numbers[0] = SLICE("+1234567");
    world->numbers[1] = SLICE("+1999");
    world->addresses[0] = SLICE("192.0.2.1");
    world->names[0] = SLICE("Lotte");
    world->trunk = (struct livekit_trunk){.id = SLICE("ST_a"),
                                          .name = SLICE("office"),
                                          .numbers = {world->numbers, 1},
                                          .allowed_addresses = {world->addresses, 1}};
    world->rule = (struct livekit_rule){.id = SLICE("SDR_a"),
                                        .name = SLICE("all"),
                                        .kind = LIVEKIT_RULE_INDIVIDUAL,
                                        .room = SLICE("sip-inbound")};
    world->room = (struct livekit_room){.name = SLICE("sip-inbound_x"), .num_participants = 2, .creation_time_s = 1000};
    world->dispatch = (struct livekit_dispatch){.id = SLICE("AD_a")};
    world->rooms = world->created = good(LIVEKIT_ROOMS, &world->room);
    world->trunks = good(LIVEKIT_TRUNKS, &world->trunk);
    world->rules = good(LIVEKIT_RULES, &world->rule);
    world->participants = good(LIVEKIT_PARTICIPANTS, &world->participant);
    world->participants.answer.count = 0;
    world->dispatches = good(LIVEKIT_DISPATCHES, &world->dispatch);
    world->contact = (struct contact){.state = CONTACT_CONNECTED, .skew_known = true, .skew_s = 0.2};
    world->exam.livekit = (struct exam_livekit){
        .wanted = true,
        .url = "http://127.0.0.1:7880",
        .rooms = &world->rooms,
        .trunks = &world->trunks,
        .rules = &world->rules,
        .created = &world->created,
        .participants = &world->participants,
        .dispatches = &world->dispatches,
        .contact = &world->contact,
    };
}

static void give_machine(struct exam *exam) {
    exam->machine = (struct exam_machine){
        .uid = 1000,
        .state_dir = {.exists = true, .is_directory = true, .writable = true, .uid = 1000, .mode = 0700},
        .file_limit = 65536,
        .listens = {{"127.0.0.1:8790", LISTEN_OURS}},
        .listen_count = 1,
    };
    exam->redis = (struct exam_redis){.asked = true,
                                      .reached = true,
                                      .shown_url = "redis://127.0.0.1:6379",
                                      .rules_type = "string",
                                      .agents_type = "none"};
    exam->daemon = (struct exam_daemon){.state = DAEMON_UP,
                                        .where = "127.0.0.1:8791",
                                        .version = SIPBRIDGE_VERSION,
                                        .health = "healthy",
                                        .message = "ready for calls"};
}

static void world_init(struct world *world) {
    char key[] = "LIVEKIT_API_KEY=devkey", secret[] = "LIVEKIT_API_SECRET=0123456789abcdef0123456789abcdef";
    char *environment[] = {key, secret, NULL};
    *world = (struct world){0};
    assert_true(settings_load(&world->settings, NULL, environment, &world->report));
    give_documents(world, "[{\"pattern\":\"+1234567\",\"agent_name\":\"support\"}]",
                   "{\"support\":{\"command\":[\"true\"]}}");
    world->documents.rules.kind = world->documents.agents.kind = "file";
    world->exam.settings =
        (struct exam_settings){.values = &world->settings, .report = &world->report, .good = true, .key = "devkey"};
    world->exam.documents = &world->documents;
    world->exam.now_s = 2000;
    give_machine(&world->exam);
    give_livekit(world);
    world->exam.webhook = (struct exam_webhook){.waited = true,
                                                .waited_ms = 20,
                                                .seen = {.looked = true, .arrived = true, .key = "devkey"}};
    world->exam.url = (struct exam_url){.url = "https://sip.example.com/webhooks/livekit",
                                        .answered = true,
                                        .status = 200,
                                        .seen = {.looked = true, .arrived = true, .key = "devkey"}};
}

static void world_release(struct world *world) {
    fetch_release(&world->documents);
    settings_release(&world->settings);
}

static void refuse(struct livekit_result *result, enum livekit_outcome outcome, const char *code, const char *why) {
    *result = (struct livekit_result){.outcome = outcome, .status = 401};
    snprintf(result->code, sizeof result->code, "%s", code);
    snprintf(result->why, sizeof result->why, "%s", why);
}

static void refuse_webhook(struct world *w, const char *reason) {
    w->exam.webhook.seen = (struct exam_sighting){.looked = true, .rejected = 1};
    snprintf(w->exam.webhook.seen.reason, sizeof w->exam.webhook.seen.reason, "%s", reason);
}

/* The bridge did not see it. */
static void answer_url(struct world *w, int status) {
    w->exam.url.seen = (struct exam_sighting){.looked = true};
    w->exam.url.status = status;
}

static void break_setting_warning(struct world *w) {
    w->report.warning_count = 1;
    (void)diag_fail(&w->report.warnings[0], "SIP_NUMBR_WAIT", "is no setting");
}

static void break_no_key(struct world *w) {
    (void)diag_fail(&w->exam.settings.keys, "LIVEKIT_API_KEY", "is not set");
}

static void break_disabled(struct world *w) {
    w->settings.enabled = false;
}

static void break_no_dir(struct world *w) {
    w->exam.machine.state_dir.exists = false;
}

static void break_dir_is_file(struct world *w) {
    w->exam.machine.state_dir.is_directory = false;
}

static void break_dir_open(struct world *w) {
    w->exam.machine.state_dir.mode = 0755;
}

static void break_dir_shared(struct world *w) {
    w->exam.machine.state_dir.mode = 0755;
    w->exam.machine.state_dir.is_shared = true;
}

static void break_dir_foreign(struct world *w) {
    w->exam.machine.state_dir.uid = 7;
    w->exam.daemon.state = DAEMON_AWAY;
}

static void break_dir_read_only(struct world *w) {
    w->exam.machine.state_dir.writable = false;
}

static void break_disk_full(struct world *w) {
    w->exam.machine.state_dir.free_known = true;
    w->exam.machine.state_dir.free_bytes = 1 << 20;
}

static void break_disk_nearly_full(struct world *w) {
    w->exam.machine.state_dir.free_known = true;
    w->exam.machine.state_dir.free_bytes = 100 << 20;
}

static void break_few_files(struct world *w) {
    w->exam.machine.file_limit = 200;
}

static void break_few_files_for_setting(struct world *w) {
    w->exam.daemon.file_limit = 200;
    w->settings.max_calls = 39;
    give_documents(w, "[]", "{\"a\":{\"command\":[\"true\"],\"max\":40}}");
}

static void break_failing_agents(struct world *w) {
    snprintf(w->exam.daemon.resting, sizeof w->exam.daemon.resting, "sales, support");
}

static void break_standbys(struct world *w) {
    snprintf(w->exam.daemon.unready, sizeof w->exam.daemon.unready, "sales (one could not be started)");
}

static void break_few_files_for_standbys(struct world *w) {
    w->exam.daemon.file_limit = 200;
    give_documents(w, "[]", "{\"a\":{\"command\":[\"true\"],\"max\":30,\"standby\":2,\"standby_max\":4}}");
}

static void break_few_files_for_max(struct world *w) {
    w->exam.daemon.file_limit = 200;
    give_documents(w, "[]", "{\"a\":{\"command\":[\"true\"],\"max\":40}}");
}

static void break_redis_away(struct world *w) {
    w->exam.redis.reached = false;
    (void)diag_fail(&w->exam.redis.failure, "here", "refused");
}

static void break_rules_type(struct world *w) {
    snprintf(w->exam.redis.rules_type, sizeof w->exam.redis.rules_type, "%s", "hash");
}

static void break_agents_type(struct world *w) {
    snprintf(w->exam.redis.agents_type, sizeof w->exam.redis.agents_type, "%s", "string");
}

static void break_untracked(struct world *w) {
    snprintf(w->exam.redis.untracked, sizeof w->exam.redis.untracked, "%s", "NOPERM");
}

static void break_json(struct world *w) {
    w->exam.redis.json[0] = (struct exam_json_field){.hash = "sip_trunk", .field = (char *)"a\x1b", .field_size = 2};
    w->exam.redis.json_count = 1;
}

static void break_json_cut(struct world *w) {
    w->exam.redis.json_cut = true;
}

static void break_rules_bad(struct world *w) {
    (void)diag_fail(&w->documents.rules.diag, "[0]", "wrong");
}

static void break_rules_odd(struct world *w) {
    give_documents(w, "[{\"pattern\":\"*\",\"agent_name\":\"a\",\"colour\":1}]", "{\"a\":{\"command\":[\"true\"]}}");
}

static void break_agents_bad(struct world *w) {
    (void)diag_fail(&w->documents.agents.diag, "support", "wrong");
}

static void break_agents_none(struct world *w) {
    give_documents(w, "[]", "{}");
}

static void break_agent_broken(struct world *w) {
    give_documents(w, "[]", "{\"a\":{}}");
}

static void break_agent_unknown(struct world *w) {
    give_documents(w, "[{\"pattern\":\"*\",\"agent_name\":\"x\\u200b\"}]", "{\"a\":{\"command\":[\"true\"]}}");
}

static void break_default_unknown(struct world *w) {
    w->settings.default_agent = xstrdup("gone");
}

static void break_default_broken(struct world *w) {
    give_documents(w, "[]", "{\"a\":{}}");
    w->settings.default_agent = xstrdup("a");
}

static void break_daemon_away(struct world *w) {
    w->exam.daemon.state = DAEMON_AWAY;
}

static void break_daemon_refuses(struct world *w) {
    w->exam.daemon.state = DAEMON_REFUSES;
}

static void break_daemon_stranger(struct world *w) {
    w->exam.daemon.state = DAEMON_STRANGER;
}

static void break_version(struct world *w) {
    snprintf(w->exam.daemon.version, sizeof w->exam.daemon.version, "%s", "0.0.1\x1b");
}

static void break_degraded(struct world *w) {
    snprintf(w->exam.daemon.health, sizeof w->exam.daemon.health, "%s", "degraded");
}

static void break_listen_stranger(struct world *w) {
    w->exam.machine.listens[0].answer = LISTEN_STRANGER;
}

static void break_listen_nobody(struct world *w) {
    w->exam.machine.listens[0].answer = LISTEN_NOBODY;
}

static void break_listen_elsewhere(struct world *w) {
    w->exam.daemon.state = DAEMON_AWAY;
}

static void break_livekit_away(struct world *w) {
    refuse(&w->rooms, LIVEKIT_AWAY, "", "nobody is there");
    w->trunks = w->rules = w->rooms;
}

static void break_livekit_odd(struct world *w) {
    refuse(&w->rooms, LIVEKIT_ODD, "", "what answers 404 there is not LiveKit");
    w->trunks = w->rules = w->rooms;
}

static void break_livekit_url(struct world *w) {
    (void)diag_fail(&w->exam.livekit.failure, "LIVEKIT_URL", "has a path");
}

static void break_key_unknown(struct world *w) {
    refuse(&w->rooms, LIVEKIT_REFUSED, "", "no");
    w->trunks = w->rules = w->rooms;
}

static void break_key_clock(struct world *w) {
    refuse(&w->rooms, LIVEKIT_REFUSED, "", "no");
    w->trunks = w->rules = w->rooms;
    w->contact.skew_s = 400;
}

static void break_no_room_list(struct world *w) {
    refuse(&w->rooms, LIVEKIT_REFUSED, "unauthenticated", "no");
}

static void break_no_room_create(struct world *w) {
    refuse(&w->created, LIVEKIT_REFUSED, "permission_denied", "no");
}

static void break_no_room_made(struct world *w) {
    refuse(&w->created, LIVEKIT_AWAY, "unavailable", "later");
}

static void break_no_room_admin(struct world *w) {
    refuse(&w->participants, LIVEKIT_REFUSED, "unauthenticated", "no");
}

static void break_no_sip_admin(struct world *w) {
    refuse(&w->trunks, LIVEKIT_REFUSED, "unauthenticated", "no");
}

static void break_no_rules(struct world *w) {
    refuse(&w->rules, LIVEKIT_AWAY, "internal", "proto\x1b");
}

static void break_clock(struct world *w) {
    w->contact.skew_s = -45;
}

static void break_webhook_none(struct world *w) {
    w->exam.webhook.seen = ((struct exam_sighting){.looked = true});
}

static void break_webhook_no_token(struct world *w) {
    refuse_webhook(w, "no_token");
}

static void break_webhook_expired(struct world *w) {
    refuse_webhook(w, "expired");
}

static void break_webhook_odd(struct world *w) {
    refuse_webhook(w, "bad_claims");
}

static void break_webhook_invalid(struct world *w) {
    w->exam.webhook.seen = ((struct exam_sighting){.looked = true, .invalid = 1});
}

static void break_url_away(struct world *w) {
    w->exam.url.answered = false;
    (void)diag_fail(&w->exam.url.failure, "u", "TLS");
}

static void break_url_stranger(struct world *w) {
    answer_url(w, 200);
}

static void break_url_redirect(struct world *w) {
    answer_url(w, 308);
}

static void break_url_400(struct world *w) {
    answer_url(w, 400);
}

static void break_url_401(struct world *w) {
    answer_url(w, 401);
}

static void break_url_403(struct world *w) {
    answer_url(w, 403);
}

static void break_url_404(struct world *w) {
    answer_url(w, 404);
}

static void break_url_405(struct world *w) {
    answer_url(w, 405);
}

static void break_url_413(struct world *w) {
    answer_url(w, 413);
}

static void break_url_504(struct world *w) {
    answer_url(w, 504);
}

static void break_url_500(struct world *w) {
    answer_url(w, 500);
}

static void break_url_no_token(struct world *w) {
    w->exam.url.status = 401;
    w->exam.url.seen = (struct exam_sighting){.looked = true, .rejected = 1, .reason = "no_token"};
}

static void break_url_as_get(struct world *w) {
    w->exam.url.status = 405;
    w->exam.url.seen = (struct exam_sighting){.looked = true, .bad_method = 1};
}

static void break_url_unseen(struct world *w) {
    w->exam.url.seen = (struct exam_sighting){.looked = false};
}

static void break_no_trunk(struct world *w) {
    w->trunks.answer.count = 0;
}

static void break_open_trunk(struct world *w) {
    w->trunk.numbers.count = w->trunk.allowed_addresses.count = 0;
}

static void break_open_addresses(struct world *w) {
    w->trunk.numbers.count = 0;
    w->addresses[0] = SLICE("::/0");
}

static void break_no_dispatch(struct world *w) {
    w->rules.answer.count = 0;
}

static void break_other_prefix(struct world *w) {
    w->rule.room = SLICE("sip-in");
}

static void break_direct_elsewhere(struct world *w) {
    w->rule.kind = LIVEKIT_RULE_DIRECT;
    w->rule.room = SLICE("lobby");
}

static void break_rule_of_unknown_kind(struct world *w) {
    w->rule.kind = LIVEKIT_RULE_OTHER;
}

static void break_trunk_left_out(struct world *w) {
    w->rule.trunk_ids = ((struct livekit_texts){w->names, 1});
}

static void break_trunk_elsewhere(struct world *w) {
    w->rule.room = SLICE("call");
}

static void break_number_first(struct world *w) {
    w->trunk.numbers.count = 2;
}

static void break_number_nobody(struct world *w) {
    give_documents(w, "[]", "{}");
}

static void break_number_rejected(struct world *w) {
    give_documents(w, "[{\"pattern\":\"*\",\"reject\":true}]", "{\"a\":{\"command\":[\"true\"]}}");
}

static void break_hidden_called(struct world *w) {
    w->rule.hide_phone_number = true;
    w->trunk.numbers.count = 2;
}

static void break_hidden_caller(struct world *w) {
    w->rule.hide_phone_number = true;
    give_documents(w, "[{\"pattern\":\"*\",\"caller\":\"+1*\",\"agent_name\":\"a\"}]",
                   "{\"a\":{\"command\":[\"true\"]}}");
}

static void break_rule_agent(struct world *w) {
    w->rule.agents = ((struct livekit_texts){w->names, 1});
}

static void break_rule_unnamed(struct world *w) {
    w->names[0] = SLICE("");
    w->rule.agents = (struct livekit_texts){w->names, 1};
}

static void break_worker(struct world *w) {
    w->dispatch.jobs = 1;
}

static void break_uncalled_agent(struct world *w) {
    w->participant.kind = KIND_AGENT;
    w->participants.answer.count = 1;
}

static void break_stale(struct world *w) {
    w->room.num_participants = 0;
}

static const struct {
    const char *name, *check;
    enum finding_level level;
    const char *what;
    void (*breaks)(struct world *world);
} breaks[] = {
    {"setting_warning", "settings", FINDING_WARNING, "SIP_NUMBR_WAIT: is no setting", break_setting_warning},
    {"no_key", "settings", FINDING_PROBLEM, "LIVEKIT_API_KEY: is not set", break_no_key},
    {"disabled", "enabled", FINDING_PROBLEM, "ENABLE_SIP_BRIDGE is false", break_disabled},
    {"no_dir", "state-dir", FINDING_PROBLEM, "cannot be made", break_no_dir},
    {"dir_is_file", "state-dir", FINDING_PROBLEM, "not a directory", break_dir_is_file},
    {"dir_open", "state-dir", FINDING_WARNING, "open to others (mode 0755)", break_dir_open},
    {"dir_shared", "state-dir", FINDING_PROBLEM, "not sipbridge's alone", break_dir_shared},
    {"dir_foreign", "state-dir", FINDING_PROBLEM, "belongs to uid 7", break_dir_foreign},
    {"dir_read_only", "state-dir", FINDING_PROBLEM, "cannot be written", break_dir_read_only},
    {"disk_full", "state-dir", FINDING_PROBLEM, "has 1 MiB left", break_disk_full},
    {"disk_nearly_full", "state-dir", FINDING_WARNING, "has 100 MiB left", break_disk_nearly_full},
    {"few_files", "file-limit", FINDING_WARNING, "of 200 open files has room for 33 calls only", break_few_files},
    {"few_files_for_max", "file-limit", FINDING_PROBLEM, "room for 33 calls, but the agents' max allow 40",
     break_few_files_for_max},
    {"few_files_for_setting", "file-limit", FINDING_PROBLEM, "room for 33 calls, but SIP_MAX_CALLS allows 39",
     break_few_files_for_setting},
    {"failing_agents", "failing-agents", FINDING_PROBLEM, "agents that fail again and again: sales, support",
     break_failing_agents},
    {"few_files_for_standbys", "file-limit", FINDING_PROBLEM,
     "room for 33 calls and standbys, but the agents' max allow 30, and 4 may stand by", break_few_files_for_standbys},
    {"standbys", "standbys", FINDING_WARNING, "no standby is ready of: sales (one could not be started)",
     break_standbys},
    {"redis_away", "redis", FINDING_PROBLEM, "Redis cannot be used: here: refused", break_redis_away},
    {"rules_type", "redis-types", FINDING_PROBLEM, "sip_dispatch_rules is a hash, a string", break_rules_type},
    {"agents_type", "redis-types", FINDING_PROBLEM, "sip_agents is a string, a hash", break_agents_type},
    {"untracked", "redis-tracking", FINDING_WARNING, "NOPERM", break_untracked},
    {"json", "redis-json", FINDING_PROBLEM, "sip_trunk holds JSON in its field a\\x1b", break_json},
    {"json_cut", "redis-json", FINDING_WARNING, "too large", break_json_cut},
    {"rules_bad", "rules", FINDING_PROBLEM, "[0]: wrong", break_rules_bad},
    {"rules_odd", "rules", FINDING_WARNING, "colour", break_rules_odd},
    {"agents_bad", "agents", FINDING_PROBLEM, "support: wrong", break_agents_bad},
    {"agents_none", "agents", FINDING_PROBLEM, "there are no agents", break_agents_none},
    {"agent_broken", "agents", FINDING_PROBLEM, "the agent a is broken", break_agent_broken},
    {"agent_unknown", "rule-agents", FINDING_WARNING,
     "rule [0] names the agent x\\u{200b}, which is not in the directory", break_agent_unknown},
    {"default_unknown", "rule-agents", FINDING_PROBLEM, "DEFAULT_SIP_AGENT is gone, which is not in the directory",
     break_default_unknown},
    {"default_broken", "rule-agents", FINDING_PROBLEM, "DEFAULT_SIP_AGENT is a, which is broken", break_default_broken},
    {"daemon_away", "daemon", FINDING_PROBLEM, "does not run", break_daemon_away},
    {"daemon_refuses", "daemon", FINDING_PROBLEM, "does not accept our key", break_daemon_refuses},
    {"daemon_stranger", "daemon", FINDING_PROBLEM, "is not sipbridge", break_daemon_stranger},
    {"version", "version", FINDING_WARNING, "0.0.1\\x1b", break_version},
    {"degraded", "health", FINDING_PROBLEM, "degraded: ready for calls", break_degraded},
    {"listen_stranger", "listen", FINDING_PROBLEM, "is not sipbridge", break_listen_stranger},
    {"listen_nobody", "listen", FINDING_PROBLEM, "nobody answers", break_listen_nobody},
    {"listen_elsewhere", "listen", FINDING_WARNING, "not at SIP_ADMIN_LISTEN", break_listen_elsewhere},
    {"livekit_away", "livekit", FINDING_PROBLEM, "nobody is there", break_livekit_away},
    {"livekit_odd", "livekit", FINDING_PROBLEM, "is not LiveKit", break_livekit_odd},
    {"livekit_url", "livekit", FINDING_PROBLEM, "cannot be asked: LIVEKIT_URL: has a path", break_livekit_url},
    {"key_unknown", "api-key", FINDING_PROBLEM, "API key devkey (401)", break_key_unknown},
    {"key_clock", "api-key", FINDING_PROBLEM, "the clocks disagree", break_key_clock},
    {"no_room_list", "grant-room-list", FINDING_PROBLEM, "LiveKit refuses it", break_no_room_list},
    {"no_room_create", "grant-room-create", FINDING_PROBLEM, "refuses it: no", break_no_room_create},
    {"no_room_made", "grant-room-create", FINDING_PROBLEM, "roomCreate: later", break_no_room_made},
    {"no_room_admin", "grant-room-admin", FINDING_PROBLEM, "refuses it", break_no_room_admin},
    {"no_sip_admin", "grant-sip-admin", FINDING_PROBLEM, "refuses it", break_no_sip_admin},
    {"no_rules", "grant-sip-admin", FINDING_PROBLEM, "cannot list its dispatch rules: proto\\x1b", break_no_rules},
    {"clock", "clock", FINDING_PROBLEM, "45 s behind", break_clock},
    {"webhook_none", "webhook", FINDING_PROBLEM, "no webhook about it came", break_webhook_none},
    {"webhook_no_token", "webhook", FINDING_PROBLEM, "drops it", break_webhook_no_token},
    {"webhook_expired", "webhook", FINDING_PROBLEM, "has expired", break_webhook_expired},
    {"webhook_odd", "webhook", FINDING_PROBLEM, "not one of LiveKit's webhooks", break_webhook_odd},
    {"webhook_invalid", "webhook", FINDING_PROBLEM, "not an event", break_webhook_invalid},
    {"url_away", "webhook-url", FINDING_PROBLEM, "cannot be reached from here: u: TLS", break_url_away},
    {"url_stranger", "webhook-url", FINDING_PROBLEM, "something else answers", break_url_stranger},
    {"url_redirect", "webhook-url", FINDING_PROBLEM, "redirect", break_url_redirect},
    {"url_400", "webhook-url", FINDING_PROBLEM, "bad one", break_url_400},
    {"url_401", "webhook-url", FINDING_PROBLEM, "log-in", break_url_401},
    {"url_403", "webhook-url", FINDING_PROBLEM, "forbids", break_url_403},
    {"url_404", "webhook-url", FINDING_PROBLEM, "nothing is at that path", break_url_404},
    {"url_405", "webhook-url", FINDING_PROBLEM, "POST is not allowed", break_url_405},
    {"url_413", "webhook-url", FINDING_PROBLEM, "too large", break_url_413},
    {"url_504", "webhook-url", FINDING_PROBLEM, "does not reach the bridge", break_url_504},
    {"url_500", "webhook-url", FINDING_PROBLEM, "the bridge did not see it", break_url_500},
    {"url_no_token", "webhook-url", FINDING_PROBLEM, "refused (no_token)", break_url_no_token},
    {"url_as_get", "webhook-url", FINDING_PROBLEM, "not as a POST", break_url_as_get},
    {"url_unseen", "webhook-url", FINDING_WARNING, "cannot be told", break_url_unseen},
    {"no_trunk", "trunks", FINDING_PROBLEM, "no inbound trunk", break_no_trunk},
    {"open_trunk", "open-trunk", FINDING_PROBLEM, "from everywhere", break_open_trunk},
    {"open_addresses", "open-trunk", FINDING_PROBLEM, "from everywhere", break_open_addresses},
    {"no_dispatch", "dispatch", FINDING_PROBLEM, "no dispatch rule", break_no_dispatch},
    {"other_prefix", "dispatch", FINDING_PROBLEM, "none of LiveKit's 1 dispatch rules", break_other_prefix},
    {"direct_elsewhere", "dispatch", FINDING_PROBLEM, "none of LiveKit's", break_direct_elsewhere},
    {"rule_of_unknown_kind", "dispatch", FINDING_PROBLEM, "none of LiveKit's", break_rule_of_unknown_kind},
    {"trunk_left_out", "trunk-dispatch", FINDING_PROBLEM, "no LiveKit dispatch rule takes calls", break_trunk_left_out},
    {"trunk_elsewhere", "trunk-dispatch", FINDING_WARNING, "rooms sipbridge leaves alone", break_trunk_elsewhere},
    {"number_first", "numbers", FINDING_WARNING, "no rule matches calls to +1999", break_number_first},
    {"number_nobody", "numbers", FINDING_PROBLEM, "nobody would answer calls to +1234567", break_number_nobody},
    {"number_rejected", "numbers", FINDING_WARNING, "rejects every call", break_number_rejected},
    {"hidden_called", "hidden-numbers", FINDING_PROBLEM, "need the called one", break_hidden_called},
    {"hidden_caller", "hidden-numbers", FINDING_PROBLEM, "need the caller's", break_hidden_caller},
    {"rule_agent", "dispatch-agents", FINDING_PROBLEM, "asks LiveKit's agent Lotte", break_rule_agent},
    {"rule_unnamed", "dispatch-agents", FINDING_PROBLEM, "any unnamed", break_rule_unnamed},
    {"worker", "unnamed-worker", FINDING_PROBLEM, "took the throw-away room", break_worker},
    {"uncalled_agent", "unnamed-worker", FINDING_PROBLEM, "took the throw-away room", break_uncalled_agent},
    {"stale", "stale-rooms", FINDING_WARNING, "1 room of ours without people: sip-inbound_x", break_stale},
};

static bool has(const struct findings *findings, const char *check, enum finding_level level, const char *what) {
    for (size_t i = 0; i < findings_count(findings); i++) {
        const struct finding *finding = findings_at(findings, i);
        if (strcmp(finding->check, check) == 0 && finding->level == level && strstr(finding->what, what) != NULL) {
            return level == FINDING_OK || level == FINDING_SKIPPED || finding->repair != NULL;
        }
    }
    return false;
}

static void print_all(const struct findings *findings) {
    for (size_t i = 0; i < findings_count(findings); i++) {
        const struct finding *finding = findings_at(findings, i);
        print_message("%s %s: %s\n", finding_level_name(finding->level), finding->check, finding->what);
    }
}

static void healthy(void **state) {
    struct world world;
    struct findings *findings = findings_new();
    (void)state;
    world_init(&world);
    doctor_judge(&world.exam, findings);
    for (size_t i = 0; i < doctor_check_count(); i++) {
        if (!has(findings, doctor_check_at(i)->name, FINDING_OK, "")) {
            print_all(findings);
            fail_msg("%s is not ok", doctor_check_at(i)->name);
        }
    }
    assert_int_equal(findings_count(findings), doctor_check_count());
    findings_free(findings);
    world_release(&world);
}

static void broken(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(breaks); i++) {
        struct world world;
        struct findings *findings = findings_new();
        world_init(&world);
        breaks[i].breaks(&world);
        doctor_judge(&world.exam, findings);
        if (!has(findings, breaks[i].check, breaks[i].level, breaks[i].what)) {
            print_all(findings);
            fail_msg("%s: %s says nothing of \"%s\"", breaks[i].name, breaks[i].check, breaks[i].what);
        }
        findings_free(findings);
        world_release(&world);
    }
}

static void every_check_is_broken_here(void **state) {
    (void)state;
    for (size_t i = 0; i < doctor_check_count(); i++) {
        size_t times = 0;
        for (size_t j = 0; j < ARRAY_LEN(breaks); j++) {
            times += strcmp(breaks[j].check, doctor_check_at(i)->name) == 0;
        }
        if (times == 0) {
            fail_msg("nothing here breaks %s", doctor_check_at(i)->name);
        }
    }
}

/* The bridge knows itself best. */
static void health_has_the_remedy_of_the_bridge(void **state) {
    static const char *const remedies[][2] = {{"Start `it`.", "Start `it`."},
                                              {"", "sipbridge status shows its last errors"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(remedies); i++) {
        struct world world;
        struct findings *findings = findings_new();
        world_init(&world);
        break_degraded(&world);
        snprintf(world.exam.daemon.remedy, sizeof world.exam.daemon.remedy, "%s", remedies[i][0]);
        doctor_judge(&world.exam, findings);
        for (size_t k = 0; k < findings_count(findings); k++) {
            const struct finding *finding = findings_at(findings, k);
            if (strcmp(finding->check, "health") == 0) {
                assert_string_equal(finding->repair, remedies[i][1]);
            }
        }
        findings_free(findings);
        world_release(&world);
    }
}

/* Nothing but the settings was looked at: the other checks must not touch the rest. */
static void wrong_settings(void **state) {
    struct settings_report report = {.error_count = 1};
    struct exam exam = {.settings = {.report = &report}};
    struct findings *findings = findings_new();
    (void)state;
    (void)diag_fail(&report.errors[0], "SIP_LISTEN", "is wrong");
    doctor_judge(&exam, findings);
    assert_true(has(findings, "settings", FINDING_PROBLEM, "SIP_LISTEN: is wrong"));
    assert_int_equal(findings_total(findings, FINDING_SKIPPED), doctor_check_count() - 2); /* webhook-url is unwanted */
    assert_true(has(findings, "stale-rooms", FINDING_SKIPPED, "not checked, because the settings are wrong"));
    findings_free(findings);
}

/* The first need that fails is the one that is named. */
static void needs(void **state) {
    static const struct {
        void (*breaks)(struct world *world);
        const char *check, *because;
    } cases[] = {
        {break_no_key, "webhook-url", "because there is no API key"},
        {break_no_key, "numbers", "because there is no API key"},
        {break_redis_away, "redis-json", "because Redis cannot be reached"},
        {break_daemon_away, "webhook", "because the running bridge could not be asked"},
        {break_disabled, "webhook", "because ENABLE_SIP_BRIDGE is false"},
        {break_livekit_away, "trunks", "because LiveKit's API does not answer"},
        {break_key_unknown, "trunks", "because LiveKit does not accept the API key"},
        {break_no_room_create, "unnamed-worker", "because the throw-away room could not be made"},
        {break_no_sip_admin, "open-trunk", "because LiveKit's trunks could not be listed"},
        {break_no_rules, "dispatch", "because LiveKit's dispatch rules could not be listed"},
        {break_no_trunk, "numbers", "because LiveKit has no trunk"},
        {break_rules_bad, "hidden-numbers", "because the rules cannot be used"},
        {break_agents_bad, "rule-agents", "because the agents cannot be used"},
        {break_no_room_list, "stale-rooms", "because LiveKit does not list its rooms"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        struct findings *findings = findings_new();
        world_init(&world);
        cases[i].breaks(&world);
        doctor_judge(&world.exam, findings);
        if (!has(findings, cases[i].check, FINDING_SKIPPED, cases[i].because)) {
            print_all(findings);
            fail_msg("%s is not unchecked %s", cases[i].check, cases[i].because);
        }
        findings_free(findings);
        world_release(&world);
    }
}

static void shell_words(void **state) {
    static const struct {
        struct slice text;
        const char *word;
    } cases[] = {
        {SLICE("ST_x"), "ST_x"},       {SLICE("+33"), "+33"},     {SLICE("a b"), "'a b'"},
        {SLICE("it's"), "'it'\\''s'"}, {SLICE("$(x)"), "'$(x)'"}, {SLICE(""), "''"},
        {SLICE("a\x1b"), "…"},         {SLICE("a\nb"), "…"},      {SLICE("caf\xc3\xa9"), "'caf\xc3\xa9'"},
    };
    struct findings *findings = findings_new();
    char full[FINDINGS_SHOWN + 2];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(findings_word(findings, cases[i].text), cases[i].word);
    }
    memset(full, 'a', sizeof full);
    assert_string_equal(findings_word(findings, (struct slice){full, sizeof full}), "…");
    findings_free(findings);
}

static void limits(void **state) {
    struct findings *findings = findings_new();
    (void)state;
    findings_begin(findings, "numbers");
    for (int i = 0; i < 20; i++) {
        finding_repair(findings_problem(findings, "number %d (and more)", i), "mend it");
    }
    assert_int_equal(findings_count(findings), FINDINGS_MAX_PER_CHECK);
    assert_int_equal(findings_total(findings, FINDING_PROBLEM), 20);
    assert_string_equal(findings_at(findings, FINDINGS_MAX_PER_CHECK - 1)->what,
                        "number 5 (and more) (and 14 more like it)");
    findings_begin(findings, "webhook");
    findings_ok(findings, "good");
    assert_string_equal(findings_at(findings, FINDINGS_MAX_PER_CHECK)->what, "good");
    findings_free(findings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy),
        cmocka_unit_test(broken),
        cmocka_unit_test(every_check_is_broken_here),
        cmocka_unit_test(wrong_settings),
        cmocka_unit_test(needs),
        cmocka_unit_test(shell_words),
        cmocka_unit_test(limits),
        cmocka_unit_test(health_has_the_remedy_of_the_bridge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
