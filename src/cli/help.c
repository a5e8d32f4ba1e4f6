/* --help. */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/columns.h"

enum { WIDTH = 80, COMMAND_COLUMN = 12, OPTION_COLUMN = 26, SETTING_COLUMN = 26, NARROWEST = 20 };

#define EXAMPLE "    "

static const struct cli_option common_options[] = {
    {"env-file", 0, CLI_TEXT, 0, "FILE", "settings, as NAME=VALUE lines; the environment wins over it"},
    {"help", 'h', CLI_FLAG, 0, NULL, "this text"},
};

const struct cli_option *help_common_options(const struct cli_command *command, size_t *ret_count) {
    size_t first = command->no_settings ? 1 : 0;
    *ret_count = ARRAY_LEN(common_options) - first;
    return common_options + first;
}

static void fill(struct buf *out, size_t count) {
    memset(buf_reserve(out, count), ' ', count);
    out->len += count;
    out->p[out->len] = '\0';
}

/* Where the text being wrapped is. */
struct place {
    size_t column, indent, width;
};

static void start_line(struct buf *out, struct place *place) {
    buf_addc(out, '\n');
    fill(out, place->indent);
    place->column = place->indent;
}

/* A line that is to be copied, whole; where it ends. */
static const char *add_example(struct buf *out, const char *text) {
    size_t line = strcspn(text, "\n");
    buf_add(out, text, line);
    return text + line;
}

/* The next word, and the blank or the new line before it. */
static const char *add_word(struct buf *out, const char *text, struct place *place) {
    size_t word = strcspn(text, " \n"), columns = columns_of((struct slice){text, word});
    if (place->column > place->indent && place->column + 1 + columns > place->width) {
        start_line(out, place);
    } else if (place->column > place->indent) {
        buf_addc(out, ' ');
        place->column++;
    }
    buf_add(out, text, word);
    place->column += columns;
    return text + word;
}

/* Breaks TEXT at blanks into lines of at most WIDTH columns after INDENT blanks; a newline is kept, and so are lines
 * that begin with four blanks (an example, which is copied). The first line goes on where OUT is, at column INDENT. */
static void wrap(struct buf *out, const char *text, size_t indent, size_t width) {
    struct place place = {.column = indent, .indent = indent, .width = width};
    while (*text != '\0') {
        bool is_example = place.column == indent && strncmp(text, EXAMPLE, strlen(EXAMPLE)) == 0;
        text = is_example ? add_example(out, text) : add_word(out, text, &place);
        if (*text == '\n') {
            start_line(out, &place);
        }
        text += *text != '\0';
    }
    buf_addc(out, '\n');
}

void help_print(const char *text, size_t indent) {
    cleanup_buf struct buf lines = {0};
    size_t width = cli_width();
    wrap(&lines, text, indent, width > indent + NARROWEST ? width : SIZE_MAX);
    fputs(lines.p, stdout);
}

/* "  NAME   TEXT", TEXT on lines of its own where NAME is too long. */
static void entry(struct buf *out, const char *name, size_t column, const char *text) {
    buf_addf(out, "  %s", name);
    if (strlen(name) + 3 > column) {
        buf_addc(out, '\n');
        fill(out, column);
    } else {
        fill(out, column - strlen(name) - 2);
    }
    wrap(out, text, column, WIDTH);
}

static void option_entry(struct buf *out, const struct cli_option *option) {
    cleanup_buf struct buf name = {0};
    if (option->letter != 0) {
        buf_addf(&name, "-%c, ", option->letter);
    } else {
        buf_adds(&name, "    ");
    }
    buf_addf(&name, "--%s%s%s", option->name, option->value != NULL ? " " : "",
             option->value != NULL ? option->value : "");
    entry(out, name.p, OPTION_COLUMN, option->help);
}

void help_synopsis(const struct cli_command *command, struct buf *out) {
    if (command->verbs != NULL) {
        buf_adds(out, " VERB ...");
        return;
    }
    buf_adds(out, " [OPTION...]");
    if (command->arguments != NULL) {
        buf_addf(out, " %s", command->arguments);
    }
}

static void settings_list(struct buf *out) {
    const char *section = "";
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        const struct setting_info *info = settings_info(id);
        if (strcmp(section, info->section) != 0) {
            section = info->section;
            buf_addf(out, "\n%s:\n", section);
        }
        cleanup_free char *text =
            *info->fallback != '\0' ? xasprintf("%s (%s)", info->help, info->fallback) : xstrdup(info->help);
        entry(out, info->name, SETTING_COLUMN, text);
    }
}

static void help_commands(const struct cli *cli, struct buf *out) {
    buf_adds(out, "Usage: sipbridge COMMAND [OPTION...] [ARGUMENT...]\n\n"
                  "Starts the agent that answers a LiveKit SIP call, and ends it with the call.\n\nCommands:\n");
    for (const struct cli_command *const *command = cli->commands; *command != NULL; command++) {
        entry(out, (*command)->name, COMMAND_COLUMN, (*command)->summary);
    }
    buf_adds(out, "\n`sipbridge COMMAND --help` tells more of each; `sipbridge --version` the version.\n"
                  "Exit codes: 0 done, 1 the check or the request failed, 2 usage or settings.\n\n");
}

void help_brief(const struct cli *cli, struct buf *out) {
    help_commands(cli, out);
    buf_adds(out, "Settings are environment variables: `sipbridge --help` lists them,\n"
                  "`sipbridge config` shows those in effect.\n");
}

void help_program(const struct cli *cli, struct buf *out) {
    help_commands(cli, out);
    wrap(out,
         "Settings are environment variables; they may stand as lines NAME=VALUE in the file of --env-file, too, and "
         "the environment wins. `sipbridge config` shows those in effect. In brackets what holds where nothing is set:",
         0, WIDTH);
    settings_list(out);
}

static void verbs_list(const struct cli_command *command, struct buf *out) {
    buf_adds(out, "\nVerbs:\n");
    for (const struct cli_command *const *verb = command->verbs; *verb != NULL; verb++) {
        entry(out, (*verb)->name, COMMAND_COLUMN, (*verb)->summary);
    }
}

static void options_list(const struct cli_command *command, struct buf *out) {
    buf_adds(out, "\nOptions:\n");
    for (size_t i = 0; i < command->option_count; i++) {
        option_entry(out, &command->options[i]);
    }
    size_t count;
    const struct cli_option *common = help_common_options(command, &count);
    for (size_t i = 0; i < count; i++) {
        option_entry(out, &common[i]);
    }
}

void help_command(const struct cli *cli, struct buf *out) {
    const struct cli_command *command = cli->command;
    buf_addf(out, "Usage: %s", cli->path);
    help_synopsis(command, out);
    buf_adds(out, "\n\n");
    wrap(out, command->summary, 0, WIDTH);
    if (command->verbs != NULL) {
        verbs_list(command, out);
    } else {
        options_list(command, out);
    }
    if (command->details != NULL) {
        buf_addc(out, '\n');
        wrap(out, command->details, 0, WIDTH);
    }
}
