/* A line of a log, as somebody pastes it: reading it, finding its message, matching. */
#include <stdint.h>
#include <stdlib.h>

#include "messages/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cleanup_message_line struct message_line line;
    messages_read_line((struct slice){(const char *)data, size}, &line);
    const struct message *found = messages_find(&line);
    if (found != NULL && messages_match(found->text, buf_slice(&line.text)) == 0) {
        abort();
    }
    return 0;
}
