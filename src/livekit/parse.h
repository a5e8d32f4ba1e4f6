/* LiveKit's answers: JSON to the values of livekit/model.h. Both name styles (the server writes snake_case, protojson
 * elsewhere camelCase), 64-bit numbers as strings or numbers, null and absent alike, unknown fields ignored. */
#ifndef LIVEKIT_PARSE_H
#define LIVEKIT_PARSE_H

#include "base/diag.h"
#include "livekit/model.h"

/* PARSE_MAX_VALUES: of JSON values in an answer; some 10,000 rooms. */
enum { PARSE_MAX_DEPTH = 24, PARSE_MAX_VALUES = 400000 };

struct parse_shape {
    enum livekit_what what;
    const char *list; /* the member that holds the list; NULL: the whole answer is one item */
};

/* False with DIAG (where = the path, "participants[2].kind") for what is not such an answer; RET is then empty.
 * Messages never repeat the answer's text. */
bool parse_answer(const struct parse_shape *shape, struct slice body, struct livekit_answer *ret, struct diag *diag)
    __attribute__((warn_unused_result));
void parse_release(struct livekit_answer *answer);

/* A Twirp error, {"code":"not_found","msg":…}. False when BODY is none. CODE: [a-z_], cut to fit. MESSAGE:
 * escaped, tokens in it replaced by "[token]", cut to fit. */
enum { PARSE_CODE_SIZE = 32, PARSE_MESSAGE_SIZE = 200 };
bool parse_error(struct slice body, char ret_code[PARSE_CODE_SIZE], char ret_message[PARSE_MESSAGE_SIZE]);

#endif
