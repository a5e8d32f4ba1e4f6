/* The frame of every sub-command: finding it, --help, typed options, settings, errors for people, tables.
 *
 * A command is one const struct cli_command in its own file (cli_NAME), named in cli/commands.h. Its run function
 * parses its options into a struct of its own (with the defaults already in it), does its work, prints on standard
 * output, and returns an exit code:
 *
 *     struct wait_options { int64_t for_ms; bool loud; };
 *     static const struct cli_option wait_options[] = {
 *         {"for", 0, CLI_DURATION, offsetof(struct wait_options, for_ms), "TIME", "how long (default 1s)"},
 *         {"loud", 'l', CLI_FLAG, offsetof(struct wait_options, loud), NULL, "ring when done"},
 *     };
 *     static int run(struct cli *cli) {
 *         struct wait_options options = {.for_ms = 1000};
 *         if (!cli_parse(cli, &options)) {
 *             return CLI_USAGE;
 *         }
 *         …
 *     }
 *     const struct cli_command cli_wait = {.name = "wait", .summary = "Wait.", .arguments = "[NAME…]", .max_arguments = 9,
 *                                          .options = wait_options, .option_count = ARRAY_LEN(wait_options), .run = run};
 *
 * A command with verbs ("rules list") has `.verbs` instead of `.run`; each verb is a command again. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/buf.h"
#include "base/diag.h"
#include "base/mem.h"
#include "base/slice.h"
#include "settings/settings.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* What an option's value is, and the C type its offset points at. */
enum cli_type {
    CLI_FLAG,     /* bool, no value */
    CLI_TEXT,     /* const char *, borrowed from argv */
    CLI_INT,      /* int64_t, 0 or more */
    CLI_NUMBER,   /* double, more than 0 ("--speed 2.5") */
    CLI_DURATION, /* int64_t, milliseconds ("500ms", "2s") */
    CLI_SIZE,     /* int64_t, bytes ("16KiB") */
    CLI_LIST,     /* struct cli_list: one or several with commas, and the option may be given again */
};

/* Borrowed from argv. */
enum { CLI_LIST_MAX = 64 };
struct cli_list {
    struct slice at[CLI_LIST_MAX];
    size_t count;
};

struct cli_option {
    const char *name; /* without the dashes */
    char letter;      /* "-f", or 0 */
    enum cli_type type;
    size_t offset;     /* in the command's struct of options */
    const char *value; /* what --help calls the value; NULL for a flag */
    const char *help;  /* one line, no full stop */
};

struct cli;

struct cli_command {
    const char *name;
    const char *summary;   /* one line with a full stop, for the list of commands */
    const char *arguments; /* "FILE|-", "[SID]"; NULL: none */
    size_t min_arguments, max_arguments;
    const struct cli_option *options;
    size_t option_count;
    bool no_settings;    /* does not read the settings: no --env-file */
    const char *details; /* paragraphs for --help and the manual page, or NULL */
    int (*run)(struct cli *cli);
    const struct cli_command *const *verbs; /* NULL-terminated; then run is NULL */
};

struct cli {
    const struct cli_command *const *commands; /* all of them, NULL-terminated */
    const struct cli_command *command;         /* the one that runs */
    char path[64];                             /* "sipbridge rules list": how its messages begin */
    char *const *environment;                  /* the environment as it was at the start, secrets included */
    const char *env_file;                      /* --env-file, or NULL */
    int argc;                                  /* after cli_parse: the arguments without the options */
    char **argv;
};

/* Runs what ARGV asks for; the exit code. ENVIRONMENT is what the settings are read from. */
int cli_main(const struct cli_command *const *commands, int argc, char **argv, char *const *environment);

/* Options may stand anywhere before "--"; "--name value" and "--name=value". What is wrong is said on standard
 * error (with the nearest known name), and false returned: return CLI_USAGE then. */
bool cli_parse(struct cli *cli, void *ret_options) __attribute__((warn_unused_result));
/* "sipbridge verify: …" on standard error. TEXT need not be printable: it is escaped. */
void cli_error(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for a diag. Returns CLI_FAILED, so that `return cli_fail(cli, &diag)` reads well. */
int cli_fail(const struct cli *cli, const struct diag *diag);

/* Loads the settings and says all that is wrong with them, warnings too; false: return CLI_USAGE. Release them
 * with settings_release (cleanup_settings). */
bool cli_settings(const struct cli *cli, struct settings *ret_settings) __attribute__((warn_unused_result));

/* Reads the file PATH ("-": standard input), at most LIMIT bytes. */
bool cli_read(const char *path, size_t limit, struct buf *ret_bytes, struct diag *diag)
    __attribute__((warn_unused_result));

/* Colour: empty strings unless standard output is a terminal and NO_COLOR is not set. */
enum cli_colour { COLOUR_NONE, COLOUR_BOLD, COLOUR_DIM, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_COUNT };
const char *cli_colour(enum cli_colour colour);
/* Columns of the terminal on standard output; 0 when it is none (then nothing is cut). */
size_t cli_width(void);

/* A table with aligned columns: cells are copied and made printable. Where the terminal is too narrow, columns of
 * `spare` are left out, the last one first, and then the widest columns are cut, those of `whole` never (an id that is
 * cut is none). Titles may be NULL for a table without a heading. */
enum { CLI_MAX_COLUMNS = 12 };
struct cli_table {
    size_t columns;
    const char *const *titles;
    unsigned whole, spare; /* bit I: column I; cli_table_init makes the first column whole */
    bool wraps;            /* the last column goes on in the next line instead of being cut */
    struct cli_cell {
        char *text;
        size_t width; /* columns of a terminal */
        enum cli_colour colour;
    } * cells;
    size_t count, cap;
};
void cli_table_init(struct cli_table *table, const char *const *titles, size_t columns);
/* Cell after cell, row after row. */
void cli_table_add(struct cli_table *table, const char *text);
void cli_table_addf(struct cli_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_table_add_coloured(struct cli_table *table, enum cli_colour colour, const char *text);
/* On standard output. */
void cli_table_print(const struct cli_table *table);
void cli_table_release(struct cli_table *table);
#define cleanup_table __attribute__((cleanup(cli_table_release)))

#endif
