/* Deleting things of LiveKit's by id: all of them are looked up first, then it is asked once, then each is deleted. */
#ifndef CLI_DELETE_H
#define CLI_DELETE_H

#include "cli/confirm.h"
#include "livekit/calls.h"

enum { DELETE_MAX = 32 };

struct delete_job {
    struct livekit_api *api;
    /* "trunk ST_x (…)", escaped; NULL after saying that there is none. */
    char *(*label)(const struct cli *cli, void *context, const char *id);
    void *context;
    struct livekit_call *(*send)(struct livekit_api *api, const struct livekit_ask *ask, struct slice id);
    const char *consequence; /* a sentence */
    bool yes, json;
};

/* The ids are CLI's arguments, at most DELETE_MAX. The exit code. */
int delete_all(const struct cli *cli, const struct delete_job *job);

#endif
