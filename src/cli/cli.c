/* Finding the command that was asked for, running it, and what commands say when something is wrong. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/help.h"

enum { MESSAGE_MAX = 2048 };

static const struct cli_command *find(const struct cli_command *const *commands, const char *name) {
    for (; *commands != NULL; commands++) {
        if (strcmp((*commands)->name, name) == 0) {
            return *commands;
        }
    }
    return NULL;
}

static const char *nearest(const struct cli_command *const *commands, const char *name) {
    const char *best = NULL;
    unsigned best_distance = 3;
    for (; *commands != NULL; commands++) {
        unsigned distance = text_distance(slice_of(name), slice_of((*commands)->name), 2);
        if (distance < best_distance) {
            best = (*commands)->name;
            best_distance = distance;
        }
    }
    return best;
}

void cli_error(const struct cli *cli, const char *format, ...) {
    cleanup_buf struct buf shown = {0};
    va_list args;
    char text[MESSAGE_MAX];
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text_clean(&shown, slice_of(text), MESSAGE_MAX);
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", cli->path, shown.p);
}

int cli_fail(const struct cli *cli, const struct diag *diag) {
    char text[sizeof *diag + 4];
    diag_text(diag, text, sizeof text);
    cli_error(cli, "%s", text);
    return CLI_FAILED;
}

static void tell_all(const struct cli *cli, const char *kind, const struct diag *diags, size_t count) {
    size_t shown = count < SETTINGS_MAX_PROBLEMS ? count : SETTINGS_MAX_PROBLEMS;
    for (size_t i = 0; i < shown; i++) {
        char text[sizeof *diags + 4];
        diag_text(&diags[i], text, sizeof text);
        cli_error(cli, "%s%s", kind, text);
    }
    if (count > shown) {
        cli_error(cli, "%s%zu more like these", kind, count - shown);
    }
}

bool cli_settings(const struct cli *cli, struct settings *ret_settings) {
    cleanup_free struct settings_report *report = xmalloc(sizeof *report);
    bool good = settings_load(ret_settings, cli->env_file, cli->environment, report);
    tell_all(cli, "warning: ", report->warnings, report->warning_count);
    tell_all(cli, "", report->errors, report->error_count);
    return good;
}

bool cli_read(const char *path, size_t limit, struct buf *ret_bytes, struct diag *diag) {
    if (strcmp(path, "-") == 0) {
        return file_read_fd(STDIN_FILENO, "standard input", limit, ret_bytes, diag);
    }
    return file_read(path, limit, ret_bytes, diag);
}

static bool is_help(const char *argument) {
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

static bool wants_help(const struct cli *cli) {
    for (int i = 0; i < cli->argc && strcmp(cli->argv[i], "--") != 0; i++) {
        if (is_help(cli->argv[i])) {
            return true;
        }
    }
    return false;
}

static void print_help(void (*build)(const struct cli *cli, struct buf *out), const struct cli *cli, FILE *to) {
    cleanup_buf struct buf text = {0};
    build(cli, &text);
    fwrite(text.p, 1, text.len, to);
}

/* The command or verb named by the next argument; NULL after saying that there is none. */
static const struct cli_command *choose(struct cli *cli, const struct cli_command *const *among, const char *kind) {
    if (cli->argc == 0) {
        cli_error(cli, "which %s? `%s --help` lists them", kind, cli->path);
        return NULL;
    }
    const char *name = cli->argv[0];
    const struct cli_command *found = find(among, name);
    if (found == NULL) {
        const char *near = nearest(among, name);
        cli_error(cli, "there is no %s \"%s\"; %s%s%s`%s --help` lists them", kind, name,
                  near != NULL ? "did you mean " : "", near != NULL ? near : "", near != NULL ? "? " : "", cli->path);
        return NULL;
    }
    cli->argc--;
    cli->argv++;
    cli->command = found;
    size_t used = strlen(cli->path);
    snprintf(cli->path + used, sizeof cli->path - used, " %s", found->name);
    return found;
}

static int run(struct cli *cli) {
    if (choose(cli, cli->commands, "command") == NULL) {
        return CLI_USAGE;
    }
    while (cli->command->verbs != NULL) {
        if (cli->argc == 0 || is_help(cli->argv[0])) {
            print_help(help_command, cli, cli->argc == 0 ? stderr : stdout);
            return cli->argc == 0 ? CLI_USAGE : CLI_OK;
        }
        if (choose(cli, cli->command->verbs, "verb") == NULL) {
            return CLI_USAGE;
        }
    }
    if (wants_help(cli)) {
        print_help(help_command, cli, stdout);
        return CLI_OK;
    }
    return cli->command->run(cli);
}

/* FIRST, an option that stands before any command and is none of our own. */
static int say_too_early(const struct cli *cli, const char *first) {
    static const char *const own[] = {"--version", "--help"};
    const char *meant = strcmp(first, "-v") == 0 ? own[0] : NULL;
    for (size_t i = 0; i < ARRAY_LEN(own) && meant == NULL; i++) {
        meant = text_distance(slice_of(first), slice_of(own[i]), 2) <= 2 ? own[i] : NULL;
    }
    if (meant != NULL) {
        cli_error(cli, "there is no option %s; did you mean %s?", first, meant);
        return CLI_USAGE;
    }
    cli_error(cli, "%s stands before the command: options come after it, as in `sipbridge rules list %s%s`", first,
              first, strcmp(first, "--env-file") == 0 ? " FILE" : "");
    return CLI_USAGE;
}

static int run_or_help(struct cli *cli) {
    const char *first = cli->argc > 0 ? cli->argv[0] : NULL;
    if (first == NULL) {
        print_help(help_brief, cli, stderr);
        return CLI_USAGE;
    }
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0) {
        printf("sipbridge %s\n", SIPBRIDGE_VERSION);
        return CLI_OK;
    }
    if (is_help(first) || (strcmp(first, "help") == 0 && cli->argc == 1)) {
        print_help(help_program, cli, stdout);
        return CLI_OK;
    }
    if (strcmp(first, "help") == 0) {
        cli->argv++;
        cli->argc--;
        const struct cli_command *command = choose(cli, cli->commands, "command");
        if (command != NULL) {
            print_help(help_command, cli, stdout);
        }
        return command != NULL ? CLI_OK : CLI_USAGE;
    }
    if (first[0] == '-' && first[1] != '\0') {
        return say_too_early(cli, first);
    }
    return run(cli);
}

int cli_main(const struct cli_command *const *commands, int argc, char **argv, char *const *environment) {
    struct cli cli = {
        .commands = commands,
        .path = "sipbridge",
        .environment = environment,
        .argc = argc > 0 ? argc - 1 : 0,
        .argv = argv + (argc > 0),
    };
    int code = run_or_help(&cli);
    bool flushed = fflush(stdout) == 0; /* what a write before it lost is in no buffer any more */
    if ((!flushed || ferror(stdout) != 0) && code == CLI_OK) {
        cli_error(&cli, flushed ? "standard output could not be written, or not all of it"
                                : "standard output cannot be written: %m");
        return CLI_FAILED;
    }
    return code;
}
