/* Capabilities of processes (capabilities(7)), ours and those that agents would inherit from us. */
#ifndef SPAWNER_LOCAL_RIGHTS_H
#define SPAWNER_LOCAL_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

/* One bit for each of the first 32 capabilities: those that this process can use now. */
uint32_t rights_effective(void);
/* What programs that we start would have of our rights: nothing any more; ours stay. With NO_NEW_PRIVS they gain none
 * from setuid programs either, nor do we. What cannot be is logged. */
void rights_keep(bool no_new_privs);
#endif
