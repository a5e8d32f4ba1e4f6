/* Simulated calls until a promise is broken (exit 1) or SECONDS of processor time are over (exit 0), for
 * mutate_tables.py: mutant_sim SECONDS. Not all seeds are of the same use here: it takes them as they come. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "sim/sim.h"

int main(int argc, char **argv) {
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    log_init(&(struct log_options){.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = LOG_ERROR});
    struct sim *sim = sim_new(&call_policy_default);
    struct sim_result result = {0};
    uint64_t seed = 0;
    while (!result.failed && (double)clock() / CLOCKS_PER_SEC < seconds) {
        sim_run(sim, ++seed, NULL, &result);
    }
    printf("%" PRIu64 " calls, %.2f s: %s\n", seed, (double)clock() / CLOCKS_PER_SEC, result.what);
    sim_free(sim);
    return result.failed;
}
