/* The rule of ours that `sipbridge setup` needs: NUMBER -> AGENT, written where the daemon reads its rules. */
#ifndef CLI_SETUP_RULE_H
#define CLI_SETUP_RULE_H

#include "base/buf.h"
#include "rules/edit.h"
#include "settings/settings.h"

struct setup_rule {
    struct slice number; /* normalised */
    struct slice agent;
    struct slice trunk;   /* the id of the number's trunk; "" when it is not there yet */
    bool is_trial;        /* nothing is written */
    struct buf ret_label; /* "rule [0] (+1234567, priority 100)": the one that answers the number (buf_release) */
    bool ret_is_there;    /* it was there already */
};

/* EDIT_CHANGED: written, or (is_trial) it would be. EDIT_SAME: a rule gives the number to the agent already. EDIT_FAILED
 * with DIAG: another rule comes before, there is no place for rules, or it cannot be read or written. */
enum edit_result setup_rule_write(const struct settings *settings, struct setup_rule *rule, struct diag *diag)
    __attribute__((warn_unused_result));

#endif
