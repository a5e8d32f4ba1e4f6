/* sipbridge list-rooms: LiveKit's rooms, and which of them are ours. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/livekit_access.h"
#include "cli/show.h"

struct room_options {
    bool json;
};

static struct livekit_call *list_all(struct livekit_api *api, const struct livekit_ask *ask) {
    return livekit_list_rooms(api, ask, (struct livekit_texts){0});
}

/* By LiveKit's clock and ours; 0 when they disagree about what comes first. */
static int64_t age_s(const struct livekit_room *room) {
    int64_t age = clock_wall_ms() / 1000 - room->creation_time_s;
    return age > 0 ? age : 0;
}

/* The two largest units: "42s", "12m 5s", "3h 12m", "2d 3h". */
static void add_age(struct cli_table *table, int64_t seconds) {
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t first = 0;
    while (first + 1 < ARRAY_LEN(units) && seconds < units[first].seconds) {
        first++;
    }
    if (first + 1 == ARRAY_LEN(units)) {
        cli_table_addf(table, "%" PRId64 "s", seconds);
    } else {
        cli_table_addf(table, "%" PRId64 "%c %" PRId64 "%c", seconds / units[first].seconds, units[first].unit,
                       seconds % units[first].seconds / units[first + 1].seconds, units[first + 1].unit);
    }
}

static void print_table(const struct livekit_answer *answer, struct slice prefix) {
    static const char *const titles[] = {"ROOM", "OURS", "PARTICIPANTS", "AGE", "SID"};
    cleanup_table struct cli_table table;
    size_t ours = 0;
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_room *room = &answer->rooms[i];
        bool is_ours = slice_starts(room->name, prefix);
        ours += is_ours;
        show_text(&table, room->name);
        cli_table_add_coloured(&table, is_ours ? COLOUR_GREEN : COLOUR_DIM, is_ours ? "yes" : "no");
        cli_table_addf(&table, "%" PRId64, room->num_participants);
        add_age(&table, age_s(room));
        show_text(&table, room->sid);
    }
    printf("%zu room%s, %zu of them ours\n", answer->count, answer->count == 1 ? "" : "s", ours);
    if (answer->count > 0) {
        cli_table_print(&table);
    }
}

static json_t *rooms_json(const struct livekit_answer *answer, struct slice prefix) {
    json_t *list = json_array();
    for (size_t i = 0; i < answer->count; i++) {
        const struct livekit_room *room = &answer->rooms[i];
        json_t *object = json_pack("{s:o, s:o, s:b, s:I, s:I, s:I}", "name", show_json_text(room->name), "sid",
                                   show_json_text(room->sid), "ours", (int)slice_starts(room->name, prefix),
                                   "participants", (json_int_t)room->num_participants, "created_at",
                                   (json_int_t)room->creation_time_s, "age_s", (json_int_t)age_s(room));
        json_object_set_new(object, "metadata", show_json_text(room->metadata));
        json_array_append_new(list, object);
    }
    return list;
}

static int run(struct cli *cli) {
    struct room_options options = {0};
    cleanup_session struct livekit_session session = {0};
    if (!cli_parse(cli, &options)) {
        return CLI_USAGE;
    }
    int code = livekit_session_open(cli, list_all, "the rooms cannot be listed", &session);
    if (code != CLI_OK) {
        return code;
    }
    struct slice prefix = slice_of(session.settings.room_prefix);
    if (options.json) {
        show_json(rooms_json(&session.listed->answer, prefix));
    } else {
        print_table(&session.listed->answer, prefix);
    }
    show_left_out(cli, &session.listed->answer);
    return CLI_OK;
}

static const struct cli_option options_table[] = {
    {"json", 0, CLI_FLAG, offsetof(struct room_options, json), NULL, "one JSON array; created_at in Unix seconds"},
};

const struct cli_command cli_list_rooms = {
    .name = "list-rooms",
    .summary = "List LiveKit's rooms, and which of them are ours.",
    .options = options_table,
    .option_count = ARRAY_LEN(options_table),
    .details =
        "OURS are those whose name begins with SIP_ROOM_PREFIX. LiveKit lists rooms from Redis: after a crash of "
        "it some may be there that nobody is in.",
    .run = run,
};
