/* sipbridge trunks create, update. */
#include <stdio.h>
#include <string.h>

#include "cli/secret.h"
#include "cli/show.h"
#include "cli/trunk.h"
#include "livekit/address.h"

/* A list of the trunk as the options change it. */
struct list_options {
    struct cli_list set, add, remove;
};

struct edit_options {
    const char *id, *name, *metadata, *auth_user, *password_file;
    struct list_options numbers, allowed_addresses, allowed_numbers;
    struct cli_list clear;
    bool json;
};

static struct livekit_texts texts_of(const struct cli_list *list) {
    return (struct livekit_texts){list->at, list->count};
}

/* Patterns are what sipbridge's rules have: LiveKit would wait for a call to "+33*" itself. */
static bool check_numbers(const struct cli *cli, const struct cli_list *numbers) {
    for (size_t i = 0; i < numbers->count; i++) {
        struct slice number = numbers->at[i];
        if (memchr(number.p, '*', number.n) != NULL || memchr(number.p, '?', number.n) != NULL) {
            cli_error(cli,
                      "%.*s: a trunk's numbers are exact, patterns are for sipbridge's rules; a trunk without numbers "
                      "takes every number",
                      SLICE_ARG(number));
            return false;
        }
    }
    return true;
}

static bool check_list(const struct cli *cli, const char *name, const struct list_options *list) {
    if (list->set.count > 0 && list->add.count + list->remove.count > 0) {
        cli_error(cli, "--%s replaces what --add-%s and --remove-%s change: give one or the others", name, name, name);
        return false;
    }
    return true;
}

/* "auth" is the user and the password. */
static bool clears(const struct edit_options *options, const char *what) {
    for (size_t i = 0; i < options->clear.count; i++) {
        if (slice_is(options->clear.at[i], what)) {
            return true;
        }
    }
    return false;
}

static bool check_clear(const struct cli *cli, const struct edit_options *options) {
    const struct {
        const char *name;
        size_t changes;
    } known[] = {
        {"numbers", options->numbers.set.count + options->numbers.add.count + options->numbers.remove.count},
        {"allowed-addresses", options->allowed_addresses.set.count + options->allowed_addresses.add.count +
                                  options->allowed_addresses.remove.count},
        {"allowed-numbers", options->allowed_numbers.set.count + options->allowed_numbers.add.count +
                                options->allowed_numbers.remove.count},
        {"auth", options->auth_user != NULL || options->password_file != NULL},
    };
    size_t found = 0;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        bool cleared = clears(options, known[i].name);
        found += cleared;
        if (cleared && known[i].changes > 0) {
            cli_error(cli, "--clear %s and a change of the same: give one of them", known[i].name);
            return false;
        }
    }
    if (found < options->clear.count) {
        cli_error(cli, "--clear: give numbers, allowed-addresses, allowed-numbers or auth, each once");
        return false;
    }
    return true;
}

static bool check(const struct cli *cli, const struct edit_options *options) {
    return check_numbers(cli, &options->numbers.set) && check_numbers(cli, &options->numbers.add) &&
           trunk_check_addresses(cli, &options->allowed_addresses.set) &&
           trunk_check_addresses(cli, &options->allowed_addresses.add) &&
           check_list(cli, "number", &options->numbers) &&
           check_list(cli, "allowed-address", &options->allowed_addresses) &&
           check_list(cli, "allowed-number", &options->allowed_numbers) && check_clear(cli, options);
}

static bool read_password(const struct cli *cli, const struct edit_options *options, struct buf *ret_password) {
    return options->password_file == NULL ||
           secret_read(cli, options->password_file, "The trunk's password", ret_password);
}

/* One trunk as it is now. */
static void show_trunk(const struct cli *cli, const struct livekit_trunk *trunk, const char *done, bool json) {
    if (json) {
        show_json(trunk_json(trunk));
    } else {
        cleanup_free char *label = trunk_label(trunk);
        printf("%s %s\n", label, done);
        trunk_print(trunk, 1);
    }
    if (livekit_trunk_is_open(trunk)) {
        cli_error(cli, "warning: whoever reaches LiveKit's SIP port may call over this trunk; --allowed-address or "
                       "--auth-user with --password-file limits that");
    }
}

static int create(const struct cli *cli, const struct edit_options *options) {
    cleanup_settings struct settings settings = {0};
    cleanup_access struct livekit_access access = {0};
    cleanup_secret struct buf password = {0};
    if (!cli_settings(cli, &settings) || !livekit_access_open(cli, &settings, &access)) {
        return CLI_USAGE;
    }
    if (!read_password(cli, options, &password)) {
        return CLI_FAILED;
    }
    const struct livekit_trunk trunk = {.name = slice_of(options->name),
                                        .metadata = slice_of(options->metadata),
                                        .auth_username = slice_of(options->auth_user),
                                        .numbers = texts_of(&options->numbers.set),
                                        .allowed_addresses = texts_of(&options->allowed_addresses.set),
                                        .allowed_numbers = texts_of(&options->allowed_numbers.set)};
    cleanup_result struct livekit_result *result =
        livekit_access_change(cli, livekit_create_trunk(access.api, NULL, &trunk, buf_slice(&password)),
                              "no trunk is created");
    if (result == NULL) {
        return CLI_FAILED;
    }
    show_trunk(cli, result->answer.trunks, "created", options->json);
    return CLI_OK;
}

static int run_create(struct cli *cli) {
    struct edit_options options = {0};
    if (!cli_parse(cli, &options) || !check(cli, &options)) {
        return CLI_USAGE;
    }
    if ((options.auth_user != NULL) != (options.password_file != NULL)) {
        cli_error(cli, "--auth-user and --password-file belong together");
        return CLI_USAGE;
    }
    if (options.numbers.set.count + options.allowed_addresses.set.count == 0 && options.auth_user == NULL) {
        cli_error(cli, "give --number, --allowed-address, or --auth-user with --password-file: LiveKit makes no trunk "
                       "that takes every call of everyone");
        return CLI_USAGE;
    }
    return create(cli, &options);
}

static struct livekit_list_change change_of(const struct edit_options *options, const struct list_options *list,
                                            const char *name) {
    return (struct livekit_list_change){.set = texts_of(&list->set),
                                        .add = texts_of(&list->add),
                                        .remove = texts_of(&list->remove),
                                        .clear = clears(options, name)};
}

static bool changes_list(const struct livekit_list_change *change) {
    return change->clear || change->set.count + change->add.count + change->remove.count > 0;
}

/* The options as a change; its texts live in TEXTS and OPTIONS. */
struct edit_texts {
    struct slice name, metadata, auth_user, password;
};

static struct livekit_trunk_change trunk_change_of(const struct edit_options *options, const struct edit_texts *texts) {
    bool no_auth = clears(options, "auth");
    return (struct livekit_trunk_change){
        .name = options->name != NULL ? &texts->name : NULL,
        .metadata = options->metadata != NULL ? &texts->metadata : NULL,
        .auth_username = options->auth_user != NULL || no_auth ? &texts->auth_user : NULL,
        .auth_password = options->password_file != NULL || no_auth ? &texts->password : NULL,
        .numbers = change_of(options, &options->numbers, "numbers"),
        .allowed_addresses = change_of(options, &options->allowed_addresses, "allowed-addresses"),
        .allowed_numbers = change_of(options, &options->allowed_numbers, "allowed-numbers"),
    };
}

static bool changes_anything(const struct livekit_trunk_change *change) {
    return change->name != NULL || change->metadata != NULL || change->auth_username != NULL ||
           change->auth_password != NULL || changes_list(&change->numbers) ||
           changes_list(&change->allowed_addresses) || changes_list(&change->allowed_numbers);
}

static int update(const struct cli *cli, const struct edit_options *options) {
    cleanup_session struct livekit_session session = {0};
    cleanup_secret struct buf password = {0};
    int code = things_open(cli, &trunk_things, &session);
    if (code != CLI_OK) {
        return code;
    }
    if (things_find(cli, &trunk_things, &session, options->id) < 0 || !read_password(cli, options, &password)) {
        return CLI_FAILED;
    }
    const struct edit_texts texts = {slice_of(options->name), slice_of(options->metadata), slice_of(options->auth_user),
                                     buf_slice(&password)};
    const struct livekit_trunk_change change = trunk_change_of(options, &texts);
    cleanup_free char *what = xasprintf("trunk %s is not changed", options->id);
    cleanup_result struct livekit_result *result =
        livekit_access_change(cli, livekit_update_trunk(session.access.api, NULL, slice_of(options->id), &change),
                              what);
    if (result == NULL) {
        return CLI_FAILED;
    }
    show_trunk(cli, result->answer.trunks, "changed; it is now", options->json);
    return CLI_OK;
}

static int run_update(struct cli *cli) {
    struct edit_options options = {0};
    if (!cli_parse(cli, &options) || !check(cli, &options)) {
        return CLI_USAGE;
    }
    if ((options.id != NULL) == (cli->argc > 0)) {
        cli_error(cli,
                  "which trunk? Give its ID once, as the argument or with --trunk-id; `sipbridge trunks list` shows "
                  "them");
        return CLI_USAGE;
    }
    options.id = options.id != NULL ? options.id : cli->argv[0];
    const struct livekit_trunk_change change = trunk_change_of(&options, &(struct edit_texts){0});
    if (!changes_anything(&change)) {
        cli_error(cli,
                  "nothing to change: give at least one of --name, --number, --add-number …; `%s --help` lists "
                  "them",
                  cli->path);
        return CLI_USAGE;
    }
    return update(cli, &options);
}

#define FIELD(name) offsetof(struct edit_options, name)
#define COMMON_OPTIONS                                                                                             \
    {"name", 0, CLI_TEXT, FIELD(name), "NAME", "what it is called, for people"},                                   \
        {"metadata", 0, CLI_TEXT, FIELD(metadata), "TEXT", "LiveKit's metadata of it"},                            \
        {"auth-user", 0, CLI_TEXT, FIELD(auth_user), "NAME", "the user name that callers must prove"},             \
        {"password-file", 0,                                                                                       \
         CLI_TEXT,        FIELD(password_file),                                                                    \
         "FILE|-",        "its password: the first line of FILE, or of standard input (not shown on a terminal)"}, \
    {                                                                                                              \
        "json", 0, CLI_FLAG, FIELD(json), NULL, "the trunk as a JSON object"                                       \
    }

static const struct cli_option create_table[] = {
    {"number", 0, CLI_LIST, FIELD(numbers.set), "NUMBER", "a number of it (default: every number)"},
    {"allowed-address", 0, CLI_LIST, FIELD(allowed_addresses.set), "ADDRESS",
     "an IP address or network that may call (default: any)"},
    {"allowed-number", 0, CLI_LIST, FIELD(allowed_numbers.set), "NUMBER", "a number that may call (default: any)"},
    COMMON_OPTIONS,
};
static const struct cli_option update_table[] = {
    {"trunk-id", 0, CLI_TEXT, FIELD(id), "ID", "the trunk, instead of the argument"},
    {"number", 0, CLI_LIST, FIELD(numbers.set), "NUMBER", "these numbers instead of those it has"},
    {"add-number", 0, CLI_LIST, FIELD(numbers.add), "NUMBER", "one more number"},
    {"remove-number", 0, CLI_LIST, FIELD(numbers.remove), "NUMBER", "no longer this number"},
    {"allowed-address", 0, CLI_LIST, FIELD(allowed_addresses.set), "ADDRESS", "these addresses instead"},
    {"add-allowed-address", 0, CLI_LIST, FIELD(allowed_addresses.add), "ADDRESS", "one more address"},
    {"remove-allowed-address", 0, CLI_LIST, FIELD(allowed_addresses.remove), "ADDRESS", "no longer this address"},
    {"allowed-number", 0, CLI_LIST, FIELD(allowed_numbers.set), "NUMBER", "these numbers may call instead"},
    {"add-allowed-number", 0, CLI_LIST, FIELD(allowed_numbers.add), "NUMBER", "one more number may call"},
    {"remove-allowed-number", 0, CLI_LIST, FIELD(allowed_numbers.remove), "NUMBER", "this number no longer"},
    {"clear", 0, CLI_LIST, FIELD(clear), "WHAT", "empty numbers, allowed-addresses, allowed-numbers or auth"},
    COMMON_OPTIONS,
};

const struct cli_command trunk_create_command = {
    .name = "create",
    .summary = "Create an inbound SIP trunk.",
    .options = create_table,
    .option_count = ARRAY_LEN(create_table),
    .details =
        "Numbers, addresses and allowed numbers may be given several times, or with commas. Without an allowed "
        "address and without a password whoever reaches LiveKit's SIP port may call.\n\n"
        "For example:\n    sipbridge trunks create --name carrier --number +1234567 --allowed-address 203.0.113.0/24",
    .run = run_create,
};
const struct cli_command trunk_update_command = {
    .name = "update",
    .summary = "Change an inbound SIP trunk.",
    .arguments = "[ID]",
    .max_arguments = 1,
    .options = update_table,
    .option_count = ARRAY_LEN(update_table),
    .details = "What is not given stays as it is. LiveKit finds numbers and addresses to remove as they are written in "
               "`sipbridge trunks list`.\n\nFor example: sipbridge trunks update --trunk-id ST_AbC --number +1234567",
    .run = run_update,
};
