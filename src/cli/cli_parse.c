/* Options: "--name value", "--name=value", "--flag", "-l", anywhere before "--"; what remains are the arguments. */
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"

static const struct cli_option env_file_option = {
    "env-file", 0, CLI_TEXT, offsetof(struct cli, env_file), "FILE", "settings, as NAME=VALUE lines",
};

struct parsing {
    struct cli *cli;
    void *target;
    int next; /* argument to read */
    int kept; /* arguments that are no options, moved to the front */
};

static bool has_name(const struct cli_option *option, struct slice name) {
    return name.n == 1 && option->letter != 0 ? name.p[0] == option->letter : slice_is(name, option->name);
}

static const struct cli_option *find(const struct cli *cli, struct slice name) {
    for (size_t i = 0; i < cli->command->option_count; i++) {
        if (has_name(&cli->command->options[i], name)) {
            return &cli->command->options[i];
        }
    }
    return !cli->command->no_settings && has_name(&env_file_option, name) ? &env_file_option : NULL;
}

static void no_such_option(const struct cli *cli, const char *argument, struct slice name) {
    const char *best = NULL;
    unsigned best_distance = 3;
    for (size_t i = 0; i <= cli->command->option_count; i++) {
        bool last = i == cli->command->option_count;
        const char *known = last ? env_file_option.name : cli->command->options[i].name;
        unsigned distance = text_distance(name, slice_of(known), 2);
        if (distance < best_distance && !(last && cli->command->no_settings)) {
            best = known;
            best_distance = distance;
        }
    }
    if (best != NULL) {
        cli_error(cli, "there is no option %s; did you mean --%s?", argument, best);
    } else {
        cli_error(cli, "there is no option %s; `%s --help` lists them", argument, cli->path);
    }
}

static bool read_int(const char *text, void *field) {
    int64_t value;
    if (!text_int64(slice_of(text), &value) || value < 0) {
        return false;
    }
    *(int64_t *)field = value;
    return true;
}

static bool read_number(const char *text, void *field) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value > 0) || value > 1e9) {
        return false;
    }
    *(double *)field = value;
    return true;
}

static bool read_text(const char *text, void *field) {
    memcpy(field, &text, sizeof text);
    return true;
}

static bool read_duration(const char *text, void *field) {
    return text_duration(slice_of(text), field);
}

static bool read_size(const char *text, void *field) {
    return text_size(slice_of(text), field);
}

static bool add_to_list(struct cli_list *list, struct slice item) {
    for (; item.n > 0 && item.p[0] == ' '; item.n--) {
        item.p++;
    }
    while (item.n > 0 && item.p[item.n - 1] == ' ') {
        item.n--;
    }
    if (item.n == 0 || list->count == CLI_LIST_MAX) {
        return false;
    }
    list->at[list->count++] = item;
    return true;
}

static bool read_list(const char *text, void *field) {
    const char *comma;
    for (; (comma = strchr(text, ',')) != NULL; text = comma + 1) {
        if (!add_to_list(field, (struct slice){text, (size_t)(comma - text)})) {
            return false;
        }
    }
    return add_to_list(field, slice_of(text));
}

static const struct {
    bool (*read)(const char *text, void *field);
    const char *right;
} readers[] = {
    [CLI_TEXT] = {read_text, ""},
    [CLI_INT] = {read_int, "a whole number, 0 or more"},
    [CLI_NUMBER] = {read_number, "a number above 0, such as 2 or 0.5"},
    [CLI_DURATION] = {read_duration, "a duration, such as 500ms, 2s, 5m or 4h"},
    [CLI_SIZE] = {read_size, "a size, such as 65536, 16KiB or 1MiB"},
    [CLI_LIST] = {read_list, "one value, or several with commas, none of them empty and at most 64 in all"},
};

static bool set_value(const struct parsing *parsing, const struct cli_option *option, const char *text) {
    char *base = option == &env_file_option ? (char *)parsing->cli : parsing->target;
    if (readers[option->type].read(text, base + option->offset)) {
        return true;
    }
    cli_error(parsing->cli, "--%s \"%s\": give %s", option->name, text, readers[option->type].right);
    return false;
}

static bool read_option(struct parsing *parsing, const char *argument) {
    struct cli *cli = parsing->cli;
    const char *start = argument + (argument[1] == '-' ? 2 : 1);
    const char *equals = strchr(start, '=');
    struct slice name = {start, equals != NULL ? (size_t)(equals - start) : strlen(start)};
    const struct cli_option *option = (argument[1] == '-') == (name.n > 1) ? find(cli, name) : NULL;
    if (option == NULL) {
        no_such_option(cli, argument, name);
        return false;
    }
    if (option->type == CLI_FLAG) {
        *(bool *)((char *)parsing->target + option->offset) = true;
        if (equals != NULL) {
            cli_error(cli, "--%s takes no value", option->name);
        }
        return equals == NULL;
    }
    if (equals != NULL) {
        return set_value(parsing, option, equals + 1);
    }
    if (parsing->next >= cli->argc) {
        cli_error(cli, "--%s needs a value: --%s %s", option->name, option->name, option->value);
        return false;
    }
    return set_value(parsing, option, cli->argv[parsing->next++]);
}

static bool check_count(const struct cli *cli) {
    const struct cli_command *command = cli->command;
    size_t count = (size_t)cli->argc;
    if (count < command->min_arguments) {
        cli_error(cli, "too few arguments: %s %s", cli->path, command->arguments != NULL ? command->arguments : "");
        return false;
    }
    if (count > command->max_arguments) {
        cli_error(cli, "too many arguments, \"%s\" is one too many: %s%s%s", cli->argv[command->max_arguments],
                  cli->path, command->arguments != NULL ? " " : "",
                  command->arguments != NULL ? command->arguments : "");
        return false;
    }
    return true;
}

bool cli_parse(struct cli *cli, void *ret_options) {
    struct parsing parsing = {.cli = cli, .target = ret_options};
    bool only_arguments = false;
    while (parsing.next < cli->argc) {
        char *argument = cli->argv[parsing.next++];
        if (!only_arguments && strcmp(argument, "--") == 0) {
            only_arguments = true;
        } else if (only_arguments || argument[0] != '-' || argument[1] == '\0') {
            cli->argv[parsing.kept++] = argument;
        } else if (!read_option(&parsing, argument)) {
            return false;
        }
    }
    cli->argc = parsing.kept;
    return check_count(cli);
}
