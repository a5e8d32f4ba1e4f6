/* The rules document as a file, replaced whole while its directory is locked. */
#ifndef SOURCE_RULES_FILE_H
#define SOURCE_RULES_FILE_H

#include "source/rules_writer.h"

/* rules_write for PLACE's file; its loop must be set. A symbolic link stays one: what it leads to is replaced. Mode
 * and owner stay. TEXT is scratch and holds the new document in the end. */
enum edit_result rules_file_write(const struct rules_place *place, const struct rules_change *change, struct buf *text,
                                  struct diag *diag) __attribute__((warn_unused_result));

#endif
