/* Completion for zsh: a function for each command, whose options are specs of _arguments with their help. */
#include <string.h>

#include "cli/completion.h"
#include "cli/completion_words.h"
#include "cli/help.h"

/* TEXT inside '…' of a spec: what _arguments reads as its own is escaped, and what the shell does. */
static void add_quoted(struct buf *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            buf_adds(out, "'\\''");
            continue;
        }
        buf_adds(out, strchr("[]:\\", *text) != NULL ? "\\" : "");
        buf_addc(out, *text);
    }
}

static void add_value(struct buf *out, const char *value) {
    buf_addc(out, ':');
    add_quoted(out, value);
    buf_adds(out, completion_wants_file(value) ? ":_files" : ":");
}

static void zsh_option(struct buf *out, const struct cli_option *option) {
    buf_adds(out, " \\\n    ");
    if (option->type == CLI_LIST) {
        buf_adds(out, "'*'");
    }
    if (option->letter != 0) {
        buf_addf(out, "'(-%c --%s)'{-%c,--%s}'[", option->letter, option->name, option->letter, option->name);
    } else {
        buf_addf(out, "'--%s%s[", option->name, option->value != NULL ? "=" : "");
    }
    add_quoted(out, option->help);
    buf_addc(out, ']');
    if (option->value != NULL) {
        add_value(out, option->value);
    }
    buf_addc(out, '\'');
}

static void zsh_arguments(struct buf *out, const struct cli_command *command) {
    if (command->arguments == NULL) {
        return;
    }
    buf_adds(out, " \\\n    '*:");
    add_quoted(out, command->arguments);
    if (completion_is_choice(command->arguments)) {
        buf_adds(out, ":(");
        for (const char *p = command->arguments; *p != '\0'; p++) {
            buf_addc(out, *p == '|' ? ' ' : *p);
        }
        buf_addc(out, ')');
    } else {
        buf_adds(out, completion_wants_file(command->arguments) ? ":_files" : ":");
    }
    buf_addc(out, '\'');
}

static void zsh_verbs(struct buf *out, const char *function, const struct cli_command *const *verbs) {
    buf_addf(out, "%s() {\n  local -a verbs=(", function);
    for (const struct cli_command *const *verb = verbs; *verb != NULL; verb++) {
        buf_addf(out, "\n    '%s:", (*verb)->name);
        add_quoted(out, (*verb)->summary);
        buf_addc(out, '\'');
    }
    buf_addf(out, "\n  )\n  _sipbridge_verb %s\n}\n\n", function);
}

static void zsh_command(struct buf *out, const char *prefix, const struct cli_command *command) {
    cleanup_free char *function = xasprintf("%s_%s", prefix, command->name);
    if (command->verbs != NULL) {
        zsh_verbs(out, function, command->verbs);
        for (const struct cli_command *const *verb = command->verbs; *verb != NULL; verb++) {
            zsh_command(out, function, *verb);
        }
        return;
    }
    size_t count;
    const struct cli_option *common = help_common_options(command, &count);
    buf_addf(out, "%s() {\n  _arguments", function);
    for (size_t i = 0; i < command->option_count; i++) {
        zsh_option(out, &command->options[i]);
    }
    for (size_t i = 0; i < count; i++) {
        zsh_option(out, &common[i]);
    }
    zsh_arguments(out, command);
    buf_adds(out, "\n}\n\n");
}

static const char zsh_head[] =
    "#compdef sipbridge\n"
    "# zsh completion for sipbridge. Made by `sipbridge docs completion-zsh`; do not edit.\n\n"
    "# One of `verbs`, and then what the chosen one takes: the function named FUNCTION_verb.\n"
    "_sipbridge_verb() { # FUNCTION\n"
    "  local curcontext=$curcontext state line function=$1\n"
    "  local -A opt_args\n"
    "  _arguments -C '(- *)'{-h,--help}'[help]' '1: :->verb' '*:: :->rest'\n"
    "  case $state in\n"
    "  verb) _describe -t commands command verbs ;;\n"
    "  rest) (( $+functions[${function}_$line[1]] )) && ${function}_$line[1] ;;\n"
    "  esac\n"
    "}\n\n";

void completion_zsh(const struct cli *cli, struct buf *out) {
    buf_adds(out, zsh_head);
    zsh_verbs(out, "_sipbridge", cli->commands);
    for (const struct cli_command *const *command = cli->commands; *command != NULL; command++) {
        zsh_command(out, "_sipbridge", *command);
    }
    buf_adds(out, "_sipbridge \"$@\"\n");
}
