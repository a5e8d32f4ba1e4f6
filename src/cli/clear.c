/* The sweep of livekit/sweep.h, waited for. */
#include "cli/clear.h"

#include <jansson.h>
#include <stdio.h>

#include "cli/progress.h"
#include "cli/show.h"
#include "livekit/sweep.h"

enum { TOLD_MAX = 20 };

struct clearing {
    const struct cli *cli;
    const struct clear_wish *wish;
    struct clear_done *ret;
    struct progress progress;
    bool is_over;
    int code;
};

struct livekit_result *clear_list(const struct cli *cli, const struct livekit_access *access) {
    return livekit_access_ask(cli, livekit_list_rooms(access->api, NULL, (struct livekit_texts){0}),
                              "the rooms cannot be listed");
}

size_t clear_count(const struct livekit_result *listed, struct slice prefix) {
    size_t count = 0;
    for (size_t i = 0; i < listed->answer.count; i++) {
        count += slice_starts(listed->answer.rooms[i].name, prefix);
    }
    return count;
}

static void on_progress(void *context, const struct sweep_report *report) {
    struct clearing *clearing = context;
    progress_show(&clearing->progress, report->done, report->count, "");
}

static json_t *room_json(const struct sweep_room *room) {
    json_t *object = json_pack("{s:o, s:o, s:b}", "name", show_json_text(slice_of(room->name)), "sid",
                               show_json_text(slice_of(room->sid)), "deleted", (int)room->is_gone);
    if (!room->is_gone && room->why != NULL) {
        json_object_set_new(object, "error", show_json_text(slice_of(room->why)));
    }
    return object;
}

static void say_left(const struct clearing *clearing, const struct sweep_report *report) {
    size_t told = 0;
    if (!report->is_known) {
        cli_error(clearing->cli, "LiveKit could not be asked which rooms are left: %s", report->why);
    }
    for (size_t i = 0; i < report->count && told < TOLD_MAX; i++) {
        const struct sweep_room *room = &report->rooms[i];
        if (!room->is_gone) {
            cli_error(clearing->cli, "room %s (%s) is still there%s%s", room->name, room->sid,
                      room->why != NULL ? ": " : "", room->why != NULL ? room->why : "");
            told++;
        }
    }
    if (report->left > told) {
        cli_error(clearing->cli, "and %zu more", report->left - told);
    }
}

static void on_done(void *context, const struct sweep_report *report) {
    struct clearing *clearing = context;
    progress_clear(&clearing->progress);
    *clearing->ret = (struct clear_done){.count = report->count, .left = report->left, .rooms = json_array()};
    for (size_t i = 0; i < report->count; i++) {
        json_array_append_new(clearing->ret->rooms, room_json(&report->rooms[i]));
    }
    if (!clearing->wish->json && report->is_known && report->count == 0) {
        puts("rooms: there was none to delete");
    } else if (!clearing->wish->json) {
        printf("rooms: %zu of %zu deleted\n", report->count - report->left, report->count);
    }
    say_left(clearing, report);
    clearing->code = report->is_known && report->left == 0 ? CLI_OK : CLI_FAILED;
    clearing->is_over = true;
}

int clear_rooms(const struct cli *cli, const struct livekit_access *access, const struct clear_wish *wish,
                struct clear_done *ret_done) {
    struct clearing clearing = {.cli = cli, .wish = wish, .ret = ret_done};
    const struct sweep_options sweep = {.api = access->api,
                                        .loop = access->loop,
                                        .prefix = wish->prefix,
                                        .is_every_room = wish->is_every_room,
                                        .urgency = LIVEKIT_URGENT,
                                        .listed = wish->listed,
                                        .patience_ms = wish->patience_ms,
                                        .on_progress = on_progress,
                                        .on_done = on_done,
                                        .context = &clearing};
    progress_init(&clearing.progress, "rooms deleted");
    sweep_start(&sweep);
    while (!clearing.is_over) {
        loop_turn(access->loop, 1000);
    }
    return clearing.code;
}
