/* What a command that talks to LiveKit needs, built and taken apart. */
#include "cli/livekit_access.h"

#include <string.h>

#include "app/from_settings.h"
#include "app/keys.h"

bool livekit_access_open(const struct cli *cli, const struct settings *settings, struct livekit_access *ret_access) {
    struct diag diag = {0};
    *ret_access = (struct livekit_access){.keys = keys_load(settings, &diag)};
    if (ret_access->keys != NULL) {
        ret_access->loop = loop_new();
        const struct livekit_options base = {.loop = ret_access->loop, .keys = ret_access->keys};
        ret_access->api = livekit_from_settings(settings, &base, &diag);
    }
    if (ret_access->api == NULL) {
        (void)cli_fail(cli, &diag);
    }
    return ret_access->api != NULL;
}

void livekit_access_release(struct livekit_access *access) {
    livekit_free(access->api);
    loop_free(access->loop);
    keyring_free(access->keys);
    *access = (struct livekit_access){0};
}

/* LiveKit's SIP methods fail as a whole when Redis is missing, or when one value in it is not LiveKit's. */
static void explain_sip(const struct cli *cli, const struct livekit_result *result) {
    if (strcasestr(result->why, "conflicting inbound sip trunks") != NULL) {
        cli_error(cli, "`sipbridge trunks list` shows the trunks: change that one (`sipbridge trunks update`), or give "
                       "other numbers or --allowed-number");
    } else if (strcasestr(result->why, "exists in dispatch rule") != NULL) {
        cli_error(cli, "`sipbridge dispatch list` shows the rules: delete that one (`sipbridge dispatch delete`), or "
                       "give other trunks or numbers");
    } else if (strstr(result->why, "redis required") != NULL) {
        cli_error(cli,
                  "LiveKit keeps trunks and dispatch rules in Redis: give livekit-server a `redis:` block (the same "
                  "as livekit-sip's), and start it again");
    } else if (result->status == 500 && strstr(result->why, "proto") != NULL) {
        cli_error(cli,
                  "a value in LiveKit's Redis is not LiveKit's: it keeps trunks (hash sip_inbound_trunk) and dispatch "
                  "rules (hash sip_dispatch_rule) as protobuf, and one that is JSON, as Stimm's create_sip_trunk.py "
                  "wrote it, makes every list fail and every call end with 503. Look for it with `redis-cli HGETALL "
                  "sip_inbound_trunk` (and sip_dispatch_rule), note its numbers, take it out with `redis-cli HDEL "
                  "sip_inbound_trunk FIELD`, and make it again with `sipbridge trunks create`");
    }
}

/* RESULT if it is good; else NULL after saying why not. */
static struct livekit_result *good_one(const struct cli *cli, struct livekit_result *result, const char *what) {
    if (result->outcome == LIVEKIT_OK) {
        return result;
    }
    cli_error(cli, "%s: LiveKit: %s", what, result->why);
    explain_sip(cli, result);
    livekit_result_free(result);
    return NULL;
}

/* It was sent, and LiveKit did not say what became of it. */
static bool may_be_done(const struct livekit_result *result) {
    bool is_others = result->status != 0 && result->code[0] == '\0';
    return result->outcome == LIVEKIT_AWAY && result->tries > 0 && (is_others || result->is_late);
}

struct livekit_result *livekit_access_ask(const struct cli *cli, struct livekit_call *call, const char *what) {
    return good_one(cli, livekit_wait(call), what);
}

struct livekit_result *livekit_access_change(const struct cli *cli, struct livekit_call *call, const char *what) {
    struct livekit_result *result = livekit_wait(call);
    bool is_doubtful = may_be_done(result);
    result = good_one(cli, result, what);
    if (is_doubtful) {
        cli_error(cli, "LiveKit may have done it all the same: look at what it has before you try again");
    }
    return result;
}

void livekit_access_free_result(struct livekit_result **result) {
    livekit_result_free(*result);
}

int livekit_session_open(const struct cli *cli,
                         struct livekit_call *(*list)(struct livekit_api *api, const struct livekit_ask *ask),
                         const char *what, struct livekit_session *ret_session) {
    *ret_session = (struct livekit_session){0};
    if (!cli_settings(cli, &ret_session->settings) ||
        !livekit_access_open(cli, &ret_session->settings, &ret_session->access)) {
        return CLI_USAGE;
    }
    ret_session->listed = livekit_access_ask(cli, list(ret_session->access.api, NULL), what);
    return ret_session->listed != NULL ? CLI_OK : CLI_FAILED;
}

void livekit_session_release(struct livekit_session *session) {
    livekit_result_free(session->listed);
    livekit_access_release(&session->access);
    settings_release(&session->settings);
}
