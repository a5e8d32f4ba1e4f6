/* How wide text is on a terminal: East Asian characters and pictures take two columns, combining characters none. */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include "base/slice.h"

/* How many columns TEXT takes, which is UTF-8 without control characters. */
size_t columns_of(struct slice text);
/* How many bytes of TEXT fit into MOST columns, whole characters with what combines with them; RET_COLUMNS: how many of
 * the columns they take. */
size_t columns_fit(struct slice text, size_t most, size_t *ret_columns);

#endif
