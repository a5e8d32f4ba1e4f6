/* What was looked at, as typed values: the checks judge these and nothing else, so each can be shown a healthy or a
 * broken world without one. Everything is borrowed; who fills it is in src/cli/doctor. */
#ifndef DOCTOR_EXAM_H
#define DOCTOR_EXAM_H

#include "livekit/api.h"
#include "settings/settings.h"
#include "source/fetch.h"
#include "webhooks/receive.h"

struct exam_settings {
    const struct settings *values;
    const struct settings_report *report;
    bool good;        /* without it nothing else was looked at */
    struct diag keys; /* why there is no key to sign with; what is "" when there is one */
    const char *key;  /* the name of the one that signs, or NULL */
};

/* SIP_STATE_DIR as it is on disk. */
struct exam_state_dir {
    bool exists, is_directory, writable;
    bool can_be_made; /* it does not exist, and its parent can be written */
    bool is_shared;   /* others may enter it, and it has other things than ours in it: never to be closed to them */
    unsigned uid, mode;
    bool free_known;
    uint64_t free_bytes;
};

enum listen_answer {
    LISTEN_NOT_ASKED, /* no port of its own: a socket that is handed over, port 0 */
    LISTEN_NOBODY,
    LISTEN_OURS,
    LISTEN_STRANGER,
};
struct exam_listen {
    const char *address;
    enum listen_answer answer;
};
enum { EXAM_LISTENS = 32 };

struct exam_machine {
    unsigned uid; /* ours */
    struct exam_state_dir state_dir;
    int64_t file_limit; /* RLIMIT_NOFILE, the hard one, of a process started from here; 0: unlimited */
    struct exam_listen listens[EXAM_LISTENS];
    size_t listen_count;
};

/* A field in one of LiveKit's hashes that does not hold what LiveKit wrote. */
struct exam_json_field {
    const char *hash; /* "sip_inbound_trunk" */
    char *field;
    size_t field_size;
    char *content;        /* the JSON on one line, secrets left out, cut; NULL when it cannot be read */
    char *name, *numbers; /* of a trunk: what it says, numbers with commas; or NULL */
};
enum { EXAM_JSON_FIELDS = 32 };

struct exam_redis {
    bool asked; /* there is a REDIS_URL */
    bool reached;
    char shown_url[256];                  /* without a password */
    struct diag failure;                  /* not reached, or lost while it was asked */
    char rules_type[16], agents_type[16]; /* "none", "string", "hash" …; "" when it would not say */
    char untracked[160];                  /* why it cannot tell of changes at once; "" when it can */
    struct exam_json_field json[EXAM_JSON_FIELDS];
    size_t json_count;
    bool json_cut;         /* not every field was looked at */
    size_t livekit_fields; /* in LiveKit's hashes */
};

enum daemon_state {
    DAEMON_NOT_ASKED, /* SIP_ADMIN_LISTEN names no address */
    DAEMON_AWAY,
    DAEMON_REFUSES, /* 401, 403 */
    DAEMON_STRANGER,
    DAEMON_UP,
};
struct exam_daemon {
    enum daemon_state state;
    char where[256], why[352]; /* why not up */
    char version[32], health[16], message[200];
    char remedy[300];   /* what the bridge says against it; "": an old one, or nothing is wrong */
    int64_t file_limit; /* 0: not known */
    char resting[200];  /* agents that it leaves alone because they fail, with commas; "": none */
    char unready[400];  /* agents whose standbys fail, each with the reason in brackets, likewise */
};

/* What the daemon saw of one probe. */
struct exam_sighting {
    bool looked;                  /* its status could be read before and after */
    bool arrived;                 /* verified, and about our room */
    char key[RECEIVER_NAME_SIZE]; /* the key that signed it */
    uint64_t received;            /* requests to the webhook path meanwhile, whoever sent them */
    uint64_t rejected, invalid, bad_method;
    char reason[32], hint[256]; /* of the last rejection meanwhile; "" for none */
};

struct exam_livekit {
    bool wanted;         /* LIVEKIT_API_URL is not "off" */
    struct diag failure; /* there is no client: a URL that is none, libcurl; what is "" when there is one */
    const char *url;
    /* NULL: not asked. The last three are about the throw-away room. */
    const struct livekit_result *rooms, *trunks, *rules, *created, *participants, *dispatches;
    const struct contact *contact;
};

struct exam_webhook {
    bool waited; /* the room was made and the daemon was watched */
    int64_t waited_ms;
    struct exam_sighting seen;
};

struct exam_url {
    const char *url; /* --webhook-url, or NULL */
    bool answered;
    int status;
    struct diag failure; /* not answered */
    struct exam_sighting seen;
};

struct exam {
    int64_t now_s;
    struct exam_settings settings;
    struct exam_machine machine;
    const struct fetch *documents; /* rules and agents; NULL: not read */
    struct exam_redis redis;
    struct exam_daemon daemon;
    struct exam_livekit livekit;
    struct exam_webhook webhook;
    struct exam_url url;
};

#endif
