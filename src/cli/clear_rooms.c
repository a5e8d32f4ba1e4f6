/* sipbridge clear-rooms: deletes every room of LiveKit, ours or not. */
#include <jansson.h>

#include "cli/clear.h"
#include "cli/confirm.h"
#include "cli/show.h"

struct clear_options {
    bool yes, json;
};

static int clear_all(const struct cli *cli, const struct livekit_access *access, bool json) {
    const struct clear_wish wish = {.is_every_room = true, .json = json};
    struct clear_done done = {0};
    int code = clear_rooms(cli, access, &wish, &done);
    if (json) {
        show_json(json_pack("{s:O, s:I, s:I}", "rooms", done.rooms, "deleted", (json_int_t)(done.count - done.left),
                            "left", (json_int_t)done.left));
    }
    json_decref(done.rooms);
    return code;
}

static int run(struct cli *cli) {
    struct clear_options options = {0};
    cleanup_settings struct settings settings = {0};
    cleanup_access struct livekit_access access = {0};
    if (!cli_parse(cli, &options) || !cli_settings(cli, &settings) || !livekit_access_open(cli, &settings, &access)) {
        return CLI_USAGE;
    }
    cleanup_result struct livekit_result *listed = clear_list(cli, &access);
    if (listed == NULL) {
        return CLI_FAILED;
    }
    size_t count = listed->answer.count;
    int code = count == 0 ? CLI_OK
                          : confirm(cli, options.yes,
                                    "Delete %zu room%s of LiveKit, SIP or not, and disconnect everybody in %s?", count,
                                    count == 1 ? "" : "s", count == 1 ? "it" : "them");
    return code == CLI_OK ? clear_all(cli, &access, options.json) : code;
}

static const struct cli_option options_table[] = {
    CONFIRM_OPTION(clear_options, yes),
    {"json", 0, CLI_FLAG, offsetof(struct clear_options, json), NULL, "one JSON object: what became of each room"},
};

const struct cli_command cli_clear_rooms = {
    .name = "clear-rooms",
    .summary = "Delete every room of LiveKit, SIP or not.",
    .options = options_table,
    .option_count = ARRAY_LEN(options_table),
    .details = "Everybody in them is disconnected; a running sipbridge hears of it from LiveKit and ends its agents. "
               "Rooms that are made meanwhile stay. `sipbridge clear-sip-bridge` deletes only those of calls.",
    .run = run,
};
