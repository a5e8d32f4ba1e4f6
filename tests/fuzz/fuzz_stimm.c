/* Any bytes as Stimm's list of agents. */
#include <stdlib.h>
#include <string.h>

#include "rules/stimm_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds) {
    if (!holds) {
        abort();
    }
}

/* What goes to disk is a directory again, of the same agents. */
static void check_text(const struct stimm_document *document, const struct directory_defaults *defaults) {
    struct diag diag = {0};
    struct directory *again = directory_parse(buf_slice(&document->text), defaults, &diag);
    demand(again != NULL && directory_warnings(again) == 0);
    demand(directory_count(again) == directory_count(document->directory));
    for (size_t i = 0; i < directory_count(again); i++) {
        const struct agent *one = directory_at(document->directory, i), *other = directory_at(again, i);
        demand(strcmp(one->name, other->name) == 0 && strcmp(one->id, other->id) == 0 && one->order == other->order);
        demand(one->broken == NULL && one->id[0] != '\0' && one->id[0] != '-' && strlen(one->id) <= STIMM_MAX_ID);
    }
    directory_release(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *command[] = {"run", "{agent_id}", NULL};
    static const struct directory_defaults defaults = {.command = command};
    struct stimm_document document = {0};
    struct diag diag = {0};
    bool good = stimm_document_parse((struct slice){(const char *)data, size}, &defaults, &document, &diag);
    demand(good == (diag.what[0] == '\0') && good == (document.directory != NULL));
    demand(strstr(diag.what, "near") == NULL); /* jansson's words end with a piece of the text */
    if (good) {
        demand(directory_count(document.directory) <= document.listed);
        check_text(&document, &defaults);
    }
    stimm_document_release(&document);
    return 0;
}
