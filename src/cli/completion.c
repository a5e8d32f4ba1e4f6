/* Completion for bash: one function that knows every command's words, and one that looks where the cursor is. What both
 * shells ask of the tables is here too. */
#include "cli/completion.h"

#include <string.h>

#include "cli/completion_words.h"
#include "cli/help.h"

bool completion_wants_file(const char *value) {
    return value != NULL && strstr(value, "FILE") != NULL;
}

bool completion_is_choice(const char *arguments) {
    return arguments != NULL && strchr(arguments, '|') != NULL &&
           strspn(arguments, "abcdefghijklmnopqrstuvwxyz|-") == strlen(arguments);
}

static void add_word(struct buf *out, const char *text) {
    buf_adds(out, out->len > 0 ? " " : "");
    buf_adds(out, text);
}

/* The words of one command as bash's case wants them. */
struct words {
    struct buf options, files, values;
};

static void add_options(struct words *words, const struct cli_option *options, size_t count) {
    for (size_t i = 0; i < count; i++) {
        cleanup_free char *name = xasprintf("--%s", options[i].name);
        add_word(&words->options, name);
        if (options[i].value != NULL) {
            add_word(completion_wants_file(options[i].value) ? &words->files : &words->values, name);
        }
    }
}

static void bash_arguments(struct buf *out, const char *arguments) {
    if (completion_is_choice(arguments)) {
        buf_adds(out, " words='");
        for (const char *p = arguments; *p != '\0'; p++) {
            buf_addc(out, *p == '|' ? ' ' : *p);
        }
        buf_addc(out, '\'');
    } else if (completion_wants_file(arguments)) {
        buf_adds(out, " takes_files=yes");
    }
}

static void bash_verbs(struct buf *out, const char *path, const struct cli_command *const *verbs) {
    buf_addf(out, "  '%s') words='", path);
    for (const struct cli_command *const *verb = verbs; *verb != NULL; verb++) {
        buf_addf(out, "%s%s", verb != verbs ? " " : "", (*verb)->name);
    }
    buf_addf(out, "' verbs=yes options='%s' ;;\n", *path == '\0' ? "--help --version" : "--help");
}

static void bash_words(struct buf *out, const char *name, const struct buf *words) {
    if (words->len > 0) {
        buf_addf(out, " %s='%s'", name, words->p);
    }
}

static void bash_command(struct buf *out, const char *prefix, const struct cli_command *command) {
    cleanup_free char *path = xasprintf("%s%s", prefix, command->name);
    if (command->verbs != NULL) {
        bash_verbs(out, path, command->verbs);
        cleanup_free char *deeper = xasprintf("%s ", path);
        for (const struct cli_command *const *verb = command->verbs; *verb != NULL; verb++) {
            bash_command(out, deeper, *verb);
        }
        return;
    }
    struct words words = {0};
    size_t count;
    const struct cli_option *common = help_common_options(command, &count);
    add_options(&words, command->options, command->option_count);
    add_options(&words, common, count);
    buf_addf(out, "  '%s')", path);
    bash_words(out, "options", &words.options);
    bash_words(out, "files", &words.files);
    bash_words(out, "values", &words.values);
    bash_arguments(out, command->arguments);
    buf_adds(out, " ;;\n");
    buf_release(&words.options);
    buf_release(&words.files);
    buf_release(&words.values);
}

static const char bash_head[] =
    "# bash completion for sipbridge. Made by `sipbridge docs completion-bash`; do not edit.\n"
    "# shellcheck shell=bash disable=SC2034\n\n"
    "# What may stand in the command $path: for its caller's variables.\n"
    "_sipbridge_know() {\n"
    "  words='' verbs='' options='' files='' values='' takes_files=''\n"
    "  case $path in\n";

static const char bash_tail[] =
    "  esac\n"
    "}\n\n"
    "_sipbridge_has() { # LIST WORD\n"
    "  [[ \" $1 \" == *\" $2 \"* ]]\n"
    "}\n\n"
    "_sipbridge_files() {\n"
    "  compopt -o filenames 2>/dev/null\n"
    "  mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
    "}\n\n"
    "_sipbridge() {\n"
    "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} path='' i\n"
    "  local words verbs options files values takes_files\n"
    "  COMPREPLY=()\n"
    "  if [[ $word == '=' ]]; then\n"
    "    word=''\n"
    "  elif [[ $before == '=' ]]; then\n"
    "    before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "  fi\n"
    "  _sipbridge_know\n"
    "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "    if [[ -n $verbs ]] && _sipbridge_has \"$words\" \"${COMP_WORDS[i]}\"; then\n"
    "      path=${path:+$path }${COMP_WORDS[i]}\n"
    "      _sipbridge_know\n"
    "    fi\n"
    "  done\n"
    "  if _sipbridge_has \"$files\" \"$before\"; then\n"
    "    _sipbridge_files\n"
    "  elif _sipbridge_has \"$values\" \"$before\"; then\n"
    "    return\n"
    "  elif [[ $word == -* ]]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
    "  elif [[ -n $takes_files ]]; then\n"
    "    _sipbridge_files\n"
    "  else\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
    "  fi\n"
    "}\n\n"
    "complete -F _sipbridge sipbridge\n";

void completion_bash(const struct cli *cli, struct buf *out) {
    buf_adds(out, bash_head);
    bash_verbs(out, "", cli->commands);
    for (const struct cli_command *const *command = cli->commands; *command != NULL; command++) {
        bash_command(out, "", *command);
    }
    buf_adds(out, bash_tail);
}
