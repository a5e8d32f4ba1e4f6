/* The member "circuits" of the status. */
#include "cli/resting.h"

#include <jansson.h>
#include <string.h>

#include "cli/remote.h"

enum { LOOK_TIMEOUT_MS = 1000, HTTP_OK = 200 };

void resting_load(struct resting *resting, const struct settings *settings) {
    struct remote_answer answer = {0};
    struct diag diag = {0};
    resting->status = NULL;
    if (settings->admin_listen == NULL || settings->admin_listen[0] == NULL) {
        return;
    }
    if (remote_look(settings, LOOK_TIMEOUT_MS, &answer, &diag) && answer.status == HTTP_OK) {
        resting->status = json_loadb(answer.body.p, answer.body.len, 0, NULL);
    }
    buf_release(&answer.body);
}

void resting_release(struct resting *resting) {
    json_decref(resting->status);
    resting->status = NULL;
}

bool resting_has(void *context, struct slice name) {
    const struct resting *resting = context;
    const json_t *circuit = json_object_getn(json_object_get(resting->status, "circuits"), name.p, name.n);
    const char *state = json_string_value(json_object_get(circuit, "state"));
    return state != NULL && strcmp(state, "open") == 0;
}
