/* The bridge of bridge_stage.h with its real LiveKit port, the reconcile, and a LiveKit that the test plays. Included
 * after cmocka.h. */
#ifndef TESTS_LIVEKIT_SCENE_H
#define TESTS_LIVEKIT_SCENE_H

#include "bridge/livekit_link.h"
#include "bridge/reconcile.h"
#include "bridge_stage.h"
#include "fake_asker.h"

struct scene {
    struct stage stage;
    struct fake_asker fake;
    struct livekit_link *link;
    struct reconcile *reconcile; /* NULL until scene_reconcile */
    unsigned touched, suspicions;
};

static inline mono_ms scene_now(void *context) {
    const struct scene *scene = context;
    return scene->stage.now;
}

static inline int64_t scene_wall(void *context) {
    struct scene *scene = context;
    return stage_wall(&scene->stage);
}

static inline void scene_touched(void *context) {
    struct scene *scene = context;
    scene->touched++;
}

static inline void scene_suspicion(void *context, const char *sid, struct slice room) {
    struct scene *scene = context;
    scene->suspicions++;
    if (scene->reconcile != NULL) {
        reconcile_suspect(scene->reconcile, sid, room);
    }
}

static inline void scene_open_for(struct scene *scene, const char *room_prefix) {
    *scene = (struct scene){0};
    struct bridge_options options = bridge_options_default;
    options.policy = call_policy_default;
    options.room_prefix = room_prefix;
    struct livekit_link_options link = {.asker = fake_asker(&scene->fake),
                                        .now = scene_now,
                                        .on_touched = scene_touched,
                                        .on_suspicion = scene_suspicion,
                                        .context = scene};
    scene->link = livekit_link_new(&link);
    struct livekit_port port = livekit_link_port(scene->link);
    stage_open_with(&scene->stage, &options, &port);
    livekit_link_attach(scene->link, scene->stage.bridge);
}

static inline void scene_open(struct scene *scene) {
    scene_open_for(scene, "sip-inbound");
}

static inline void scene_reconcile(struct scene *scene, bool delete_stale) {
    struct reconcile_options options = {.asker = fake_asker(&scene->fake),
                                        .link = scene->link,
                                        .bridge = scene->stage.bridge,
                                        .interval_ms = 60000,
                                        .delete_stale = delete_stale,
                                        .now = scene_now,
                                        .wall_ms = scene_wall,
                                        .on_touched = scene_touched,
                                        .context = scene};
    scene->reconcile = reconcile_new(&options);
}

static inline void scene_close(struct scene *scene) {
    reconcile_free(scene->reconcile);
    livekit_link_free(scene->link);
    stage_close(&scene->stage);
    fake_release(&scene->fake);
}

static inline mono_ms scene_next_due(const struct scene *scene) {
    mono_ms due = bridge_next_due(scene->stage.bridge), link = livekit_link_next_due(scene->link);
    mono_ms reconcile = scene->reconcile != NULL ? reconcile_next_due(scene->reconcile) : MONO_NEVER;
    due = link < due ? link : due;
    return reconcile < due ? reconcile : due;
}

/* What is due is done, in the order of the daemon. What is due and done is not due again at the same time. */
static inline void scene_tick(struct scene *scene) {
    unsigned turns = 0;
    while (scene_next_due(scene) <= scene->stage.now) {
        bridge_tick(scene->stage.bridge, scene->stage.now);
        livekit_link_tick(scene->link, scene->stage.now);
        if (scene->reconcile != NULL) {
            reconcile_tick(scene->reconcile, scene->stage.now);
        }
        assert_true(++turns < 16);
    }
}

static inline void scene_wait(struct scene *scene, int64_t ms) {
    mono_ms until = scene->stage.now + ms;
    scene_tick(scene);
    while (scene_next_due(scene) <= until) {
        scene->stage.now = scene_next_due(scene);
        scene_tick(scene);
    }
    scene->stage.now = until;
}

#endif
