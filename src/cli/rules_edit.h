/* What `rules add`, `remove` and `import` share: the documents as they are now, shown before anything is changed, and
 * the change itself where the settings say. */
#ifndef CLI_RULES_EDIT_H
#define CLI_RULES_EDIT_H

#include "cli/documents.h"
#include "source/rules_writer.h"

extern const struct cli_command cli_rules_add, cli_rules_remove, cli_rules_import;

/* Where the settings have the rules. */
struct rules_place rules_edit_place(const struct settings *settings);

struct rules_edit {
    struct settings settings;
    struct documents documents;
    struct slice text;              /* the rules as they were read, borrowed; empty: there are none yet */
    const struct ruleset *rules;    /* NULL: none yet, or bad */
    struct diag bad;                /* why the rules there are bad; what is "" when they are not */
    const struct directory *agents; /* NULL: not known, which has been said */
    char *where;                    /* "/etc/rules.json", "Redis, key sip_dispatch_rules" */
};

/* After cli_parse. CLI_OK; else the exit code, and what is wrong has been said. Rules that cannot be read end here;
 * rules that were read and are bad only with TAKES_BAD false. Release it in every case. */
struct rules_edit_need {
    bool takes_bad;
};
int rules_edit_start(const struct cli *cli, const struct rules_edit_need *need, struct rules_edit *ret_edit);
void rules_edit_release(struct rules_edit *edit);
#define cleanup_rules_edit __attribute__((cleanup(rules_edit_release)))

/* Makes CHANGE; says why not. RET_TEXT gets the new document. */
enum edit_result rules_edit_write(const struct cli *cli, const struct rules_edit *edit,
                                  const struct rules_change *change, struct buf *ret_text);

/* Appends RULE (JSON) on one line, fit for a terminal, cut to what a person reads. */
void rules_edit_show(struct slice rule, struct buf *out);

#endif
