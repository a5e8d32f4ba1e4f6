/* One event of ours to --webhook-url, signed as LiveKit signs: about a room that is none, of a kind that starts
 * nothing, and written so that whatever reads and writes it again changes it. */
#include "base/clock.h"
#include "cli/doctor/gather.h"
#include "cli/doctor/watch.h"
#include "http/client.h"
#include "livekit/token.h"

enum { SEND_TIMEOUT_MS = 5000, ANSWER_MAX = 65536 };

/* White space as protojson's, escapes that need none, characters of two to four bytes, numbers as JSON tools rewrite
 * them, characters that forms and filters touch, and a line end of each kind. */
#define BODY_FORMAT                                                                                                       \
    "{\"event\": \"sipbridge_doctor\" ,\t\"room\" : {\"name\":\"%s\",\"sid\":\"RM_doctor\"},\r\n"                         \
    " \"id\":\"EV_%s\",  \"pad\": \"\\u0041 \\/ é 中 📞 %%41 + & = < > ' <script> ../ ${x}\", \"n\": [1.0, 1e2, -0, " \
    "9007199254740993]}\n\r\n "

void gather_url(struct gather *gather) {
    const struct doctor_options *options = &gather->options;
    struct exam_url *url = &gather->exam.url;
    url->url = options->webhook_url;
    if (url->url == NULL || gather->keys == NULL) {
        return;
    }
    char room[WATCH_ROOM_SIZE];
    struct watch watch;
    cleanup_buf struct buf body = {0}, answer = {0};
    watch_room_name(room);
    buf_addf(&body, BODY_FORMAT, room, room + sizeof RECEIVER_PROBE_PREFIX - 1);
    cleanup_free char *token = token_for_webhook(gather->keys, buf_slice(&body), clock_wall_ms() / 1000);
    struct http_call call = {
        .method = "POST",
        .url = url->url,
        .authorization = token,
        .content_type = "application/webhook+json",
        .ca_file = options->webhook_ca,
        .body = buf_slice(&body),
        .timeout_ms = SEND_TIMEOUT_MS,
        .max_answer = ANSWER_MAX,
    };
    watch_start(&watch, &gather->settings);
    struct http_client *client = http_client_new();
    url->answered = http_client_call(client, &call, &url->status, &answer, &url->failure);
    http_client_free(client);
    watch_look(&watch, room, &url->seen);
    watch_release(&watch);
}
