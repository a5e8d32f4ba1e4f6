/* The agents as a Redis HASH: name -> JSON of one entry. Turned into a directory, and into the one JSON object that
 * means the same, for the last good copy and for comparing. */
#ifndef SOURCE_HASH_DOCUMENT_H
#define SOURCE_HASH_DOCUMENT_H

#include "base/buf.h"
#include "redis/redis.h"
#include "rules/directory.h"

/* FIELDS is the answer of HGETALL: name, value, name, value …. Appends the object, sorted by name, to RET_TEXT; an
 * entry that is broken stands there as a JSON string, so that it cannot spoil the object and stays broken. Never
 * NULL: a bad entry is a broken agent. */
struct directory *hash_document_parse(const struct redis_reply *fields, const struct directory_defaults *defaults,
                                      struct buf *ret_text);

#endif
