/* sipbridge setup: all that a first number needs, in LiveKit and in our rules. Everything is looked at before anything
 * is made, what is there already stays as it is, and what stands in the way is said and not overridden. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/dispatch.h"
#include "cli/rules_edit.h"
#include "cli/secret.h"
#include "cli/setup_plan.h"
#include "cli/setup_rule.h"
#include "cli/show.h"
#include "cli/trunk.h"
#include "livekit/address.h"
#include "rules/number.h"

enum { NUMBER_MOST = 64 };

struct setup_options {
    const char *agent, *auth_user, *password_file;
    struct cli_list allowed_addresses;
    bool json;
};

struct setup {
    const struct cli *cli;
    const struct setup_options *options;
    struct livekit_session session; /* with the trunks */
    struct livekit_result *rules;   /* LiveKit's */
    struct livekit_result *made_trunk, *made_rule;
    struct buf number, password;
    struct setup_plan plan;
    json_t *report, *notes;
    bool is_changed;
};

static void setup_release(struct setup *setup) {
    livekit_result_free(setup->made_rule);
    livekit_result_free(setup->made_trunk);
    livekit_result_free(setup->rules);
    livekit_session_release(&setup->session);
    secret_release(&setup->password);
    buf_release(&setup->number);
    json_decref(setup->report);
    json_decref(setup->notes);
}

/* One of the three things that a number needs. */
struct step {
    const char *name, *what; /* WHAT is escaped */
    struct slice id;         /* LiveKit's, or "" */
    bool created;
};

/* A line, and a member of the report. */
static void tell(struct setup *setup, const struct step *step) {
    json_t *object = json_pack("{s:b, s:s}", "created", (int)step->created, "what", step->what);
    if (step->id.n > 0) {
        json_object_set_new(object, "id", show_json_text(step->id));
    }
    setup->is_changed = setup->is_changed || step->created;
    json_object_set_new(setup->report, step->name, object);
    if (!setup->options->json) {
        printf("%-9s %s\n", step->name, step->what);
    }
}

static void note(struct setup *setup, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct setup *setup, const char *format, ...) {
    cleanup_buf struct buf shown = {0};
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text_clean(&shown, slice_of(text), sizeof text);
    json_array_append_new(setup->notes, json_string(shown.p));
    if (!setup->options->json) {
        printf("note      %s\n", shown.p);
    }
}

/* What is in the way: on standard error, and in the report. */
static void refuse(struct setup *setup, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void refuse(struct setup *setup, const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_object_set_new(setup->report, "error", show_json_text(slice_of(text)));
    cli_error(setup->cli, "%s", text);
}

static bool read_number(const struct cli *cli, struct buf *ret_number) {
    struct slice text = slice_of(cli->argv[0]);
    number_normalise(ret_number, text);
    size_t digits = 0;
    for (size_t i = 1; i < ret_number->len; i++) {
        digits += ret_number->p[i] >= '0' && ret_number->p[i] <= '9';
    }
    if (text.n == 0 || text.n > NUMBER_MOST || ret_number->p[0] != '+' || digits == 0 ||
        digits + 1 != ret_number->len) {
        cli_error(cli,
                  "%s is no phone number: give one such as +1234567; for other names see `sipbridge trunks create` and "
                  "`sipbridge rules`",
                  cli->argv[0]);
        return false;
    }
    return true;
}

/* Agents that the rules may name but nobody can start. */
static void check_agent(struct setup *setup) {
    cleanup_documents struct documents documents = {0};
    documents_load(&setup->session.settings, &(struct documents_from){0}, &documents);
    const struct fetch_document *agents = &documents.fetch.agents;
    const char *name = setup->options->agent;
    const struct agent *agent = agents->directory != NULL ? directory_find(agents->directory, slice_of(name)) : NULL;
    if (agents->directory == NULL) {
        note(setup,
             "no agents are known yet (SIP_AGENTS_FILE, SIP_AGENT_COMMAND, or sip_agents in Redis): nobody can "
             "answer until %s is",
             name);
    } else if (agent == NULL) {
        note(setup, "the agent %s is not in the directory: the rule gives way until it is (`sipbridge agents list`)",
             name);
    } else if (agent->broken != NULL) {
        note(setup, "the agent %s is broken: %s", name, agent->broken);
    }
}

static void note_trunk(struct setup *setup, const struct livekit_trunk *trunk) {
    const struct setup_options *options = setup->options;
    bool is_made = setup->made_trunk != NULL;
    if (setup->plan.trunks > 1) {
        note(setup, "%zu trunks have this number: LiveKit refuses a call that two of them may take",
             setup->plan.trunks);
    }
    if (!is_made && (options->allowed_addresses.count > 0 || options->auth_user != NULL)) {
        note(setup, "the trunk was there: its addresses and its user stay as they are (`sipbridge trunks update`)");
    }
    if (livekit_trunk_is_open(trunk)) {
        note(setup,
             "whoever reaches LiveKit's SIP port may call this trunk; `sipbridge trunks update %.*s "
             "--allowed-address ADDRESS` limits that",
             SLICE_ARG(trunk->id));
    }
}

static void note_rule(struct setup *setup, const struct livekit_rule *rule, const struct livekit_trunk *trunk) {
    bool wants_called = setup->session.settings.room_number == ROOM_NUMBER_CALLED;
    if (rule->has_pin) {
        note(setup, "the dispatch rule asks every caller for a PIN first");
    }
    if (rule->hide_phone_number && trunk->numbers.count != 1) {
        note(setup,
             "the dispatch rule hides the numbers, and the trunk has not exactly one: sipbridge cannot tell which "
             "was called");
    }
    if (rule->agents.count > 0) {
        note(setup, "the dispatch rule sends agents of LiveKit's own into the room, too (%.*s…)",
             SLICE_ARG(rule->agents.at[0]));
    }
    if (wants_called != (rule->kind == LIVEKIT_RULE_CALLEE) && rule->kind != LIVEKIT_RULE_DIRECT) {
        note(setup, "SIP_ROOM_NUMBER is %s, but the dispatch rule names rooms after the %s number",
             wants_called ? "called" : "caller", wants_called ? "caller's" : "called");
    }
}

static const struct livekit_trunk *make_trunk(struct setup *setup) {
    const struct setup_options *options = setup->options;
    struct slice number = buf_slice(&setup->number);
    cleanup_free char *name = xasprintf("sipbridge %s", setup->number.p);
    const struct livekit_trunk wanted = {
        .name = slice_of(name),
        .numbers = {&number, 1},
        .allowed_addresses = {options->allowed_addresses.at, options->allowed_addresses.count},
        .auth_username = slice_of(options->auth_user),
    };
    setup->made_trunk = livekit_access_change(setup->cli,
                                              livekit_create_trunk(setup->session.access.api, NULL, &wanted,
                                                                   buf_slice(&setup->password)),
                                              "no trunk is created");
    if (setup->made_trunk != NULL && setup->made_trunk->answer.count == 0) {
        refuse(setup, "LiveKit tells no id of the trunk that it made, and nothing else is made: run this again");
    }
    return setup->made_trunk != NULL && setup->made_trunk->answer.count > 0 ? setup->made_trunk->answer.trunks : NULL;
}

static const struct livekit_trunk *do_trunk(struct setup *setup) {
    const struct livekit_trunk *there = setup->plan.trunk;
    const struct livekit_trunk *trunk = there != NULL ? there : make_trunk(setup);
    if (trunk == NULL) {
        return NULL;
    }
    cleanup_free char *label = trunk_label(trunk);
    cleanup_free char *what = xasprintf("%s %s", label, there != NULL ? "takes the number already" : "created");
    tell(setup, &(struct step){"trunk", what, trunk->id, there == NULL});
    note_trunk(setup, trunk);
    return trunk;
}

static const struct livekit_rule *make_rule(struct setup *setup, const struct livekit_trunk *trunk) {
    const struct settings *settings = &setup->session.settings;
    struct slice prefix = slice_of(settings->room_prefix);
    bool wants_called = settings->room_number == ROOM_NUMBER_CALLED;
    const struct livekit_rule wanted = {
        .name = SLICE("sipbridge"),
        .kind = wants_called ? LIVEKIT_RULE_CALLEE : LIVEKIT_RULE_INDIVIDUAL,
        .room = prefix.n > 0 ? prefix : SLICE("sip-inbound"),
        .random = true,
        .trunk_ids = {&trunk->id, 1},
    };
    setup->made_rule =
        livekit_access_change(setup->cli, livekit_create_rule(setup->session.access.api, NULL, &wanted),
                              "no dispatch rule is created (the trunk stays; run this again when it is mended)");
    return setup->made_rule != NULL ? setup->made_rule->answer.rules : NULL;
}

static bool do_dispatch(struct setup *setup, const struct livekit_trunk *trunk) {
    const struct livekit_rule *there = setup->plan.rule;
    const struct livekit_rule *rule = there != NULL ? there : make_rule(setup, trunk);
    if (rule == NULL) {
        return false;
    }
    cleanup_free char *label = dispatch_label(rule);
    cleanup_free char *what = xasprintf("%s %s", label, there != NULL ? "takes its calls already" : "created");
    tell(setup, &(struct step){"dispatch", what, rule->id, there == NULL});
    note_rule(setup, rule, trunk);
    return true;
}

static enum edit_result write_rule(struct setup *setup, bool is_trial, struct slice trunk, struct buf *ret_label) {
    struct setup_rule rule = {.number = buf_slice(&setup->number),
                              .agent = slice_of(setup->options->agent),
                              .trunk = trunk,
                              .is_trial = is_trial};
    struct diag diag = {0};
    enum edit_result result = setup_rule_write(&setup->session.settings, &rule, &diag);
    if (result == EDIT_FAILED) {
        cleanup_free char *where = diag.where[0] != '\0' ? xasprintf("%s: ", diag.where) : xstrdup("");
        refuse(setup, "%s cannot be given to %s%s: %s%s", setup->number.p, setup->options->agent,
               is_trial ? " (nothing was changed)" : " (the trunk and the dispatch rule stay)", where, diag.what);
    }
    buf_add_slice(ret_label, buf_slice(&rule.ret_label));
    buf_release(&rule.ret_label);
    return result;
}

static bool do_rule(struct setup *setup, const struct livekit_trunk *trunk) {
    cleanup_buf struct buf label = {0}, what = {0};
    enum edit_result result = write_rule(setup, false, trunk->id, &label);
    if (result == EDIT_FAILED) {
        return false;
    }
    buf_addf(&what, "%s -> ", label.p);
    text_escape(&what, slice_of(setup->options->agent), NUMBER_MOST);
    buf_adds(&what, result == EDIT_SAME ? " is there already" : " written");
    tell(setup, &(struct step){"rule", what.p, {0}, result == EDIT_CHANGED});
    check_agent(setup);
    return true;
}

/* What is in the way is the operator's to decide. */
static bool check_foreign(struct setup *setup) {
    if (!setup->plan.is_foreign) {
        return true;
    }
    cleanup_free char *label = dispatch_label(setup->plan.rule);
    struct slice trunk = setup->plan.trunk != NULL ? setup->plan.trunk->id : SLICE("ID");
    cleanup_free char *first = setup->plan.trunk != NULL
                                   ? xstrdup("")
                                   : xasprintf("`sipbridge trunks create --number %s`, then ", setup->number.p);
    refuse(setup,
           "nothing was changed: %s takes the calls to %s, and its rooms do not begin with \"%s\" "
           "(SIP_ROOM_PREFIX), so that sipbridge does not look at them. Delete it (`sipbridge dispatch delete "
           "%.*s`), or give sipbridge this number alone (%s`sipbridge dispatch create --trunk-id %.*s --number %s`), "
           "and run this again",
           label, setup->number.p, setup->session.settings.room_prefix, SLICE_ARG(setup->plan.rule->id), first,
           SLICE_ARG(trunk), setup->number.p);
    return false;
}

/* Looks at everything; CLI_OK when the rest can be made. */
static int look(struct setup *setup) {
    const struct cli *cli = setup->cli;
    cleanup_buf struct buf label = {0};
    struct diag diag;
    int code = things_open(cli, &trunk_things, &setup->session);
    if (code != CLI_OK) {
        return code;
    }
    const struct rules_place place = rules_edit_place(&setup->session.settings);
    if (!rules_place_check(&place, &diag)) {
        (void)cli_fail(cli, &diag);
        return CLI_USAGE;
    }
    setup->rules = livekit_access_ask(cli, livekit_list_rules(setup->session.access.api, NULL),
                                      "LiveKit's dispatch rules cannot be listed");
    if (setup->rules == NULL) {
        return CLI_FAILED;
    }
    const struct setup_wish wish = {buf_slice(&setup->number), slice_of(setup->session.settings.room_prefix)};
    setup->plan = setup_plan(&wish, &setup->session.listed->answer, &setup->rules->answer);
    if (!check_foreign(setup)) {
        return CLI_FAILED;
    }
    struct slice trunk = setup->plan.trunk != NULL ? setup->plan.trunk->id : SLICE("");
    return write_rule(setup, true, trunk, &label) != EDIT_FAILED ? CLI_OK : CLI_FAILED;
}

static void print_report(const struct setup *setup, bool good) {
    json_object_set_new(setup->report, "number", json_string(setup->number.p));
    json_object_set_new(setup->report, "agent", show_json_text(slice_of(setup->options->agent)));
    json_object_set_new(setup->report, "changed", json_boolean(setup->is_changed));
    json_object_set_new(setup->report, "complete", json_boolean(good));
    json_object_set(setup->report, "notes", setup->notes);
    show_json(json_incref(setup->report));
}

static int make(struct setup *setup) {
    const struct livekit_trunk *trunk = do_trunk(setup);
    bool good = trunk != NULL && do_dispatch(setup, trunk) && do_rule(setup, trunk);
    if (setup->options->json) {
        print_report(setup, good);
    } else if (good) {
        printf("%s\n", setup->is_changed ? "Done; `sipbridge rules explain NUMBER` tells who answers a number, and why."
                                         : "Nothing had to be changed.");
    }
    return good ? CLI_OK : CLI_FAILED;
}

static bool check(const struct cli *cli, const struct setup_options *options, struct buf *ret_number) {
    if (!read_number(cli, ret_number)) {
        return false;
    }
    if (options->agent == NULL || *options->agent == '\0' || !text_is_utf8(slice_of(options->agent))) {
        cli_error(cli, "which agent shall answer? Give --agent NAME; `sipbridge agents list` shows them");
        return false;
    }
    if ((options->auth_user != NULL) != (options->password_file != NULL)) {
        cli_error(cli, "--auth-user and --password-file belong together");
        return false;
    }
    return trunk_check_addresses(cli, &options->allowed_addresses);
}

static int run(struct cli *cli) {
    struct setup_options options = {0};
    struct setup setup __attribute__((
        cleanup(setup_release))) = {.cli = cli, .options = &options, .report = json_object(), .notes = json_array()};
    if (!cli_parse(cli, &options) || !check(cli, &options, &setup.number)) {
        return CLI_USAGE;
    }
    if (options.password_file != NULL &&
        !secret_read(cli, options.password_file, "The trunk's password", &setup.password)) {
        return CLI_FAILED;
    }
    if (cli->argv[0][0] != '+') {
        note(&setup, "%s is taken for %s", cli->argv[0], setup.number.p);
    }
    int code = look(&setup);
    if (json_object_get(setup.report, "error") != NULL && options.json) {
        print_report(&setup, false);
    }
    return code == CLI_OK ? make(&setup) : code;
}

static const struct cli_option options_table[] = {
    {"agent", 0, CLI_TEXT, offsetof(struct setup_options, agent), "NAME", "the agent that shall answer"},
    {"allowed-address", 0, CLI_LIST, offsetof(struct setup_options, allowed_addresses), "ADDRESS",
     "an IP address or network that may call, for a new trunk (default: any)"},
    {"auth-user", 0, CLI_TEXT, offsetof(struct setup_options, auth_user), "NAME",
     "the user name that callers must prove, for a new trunk"},
    {"password-file", 0, CLI_TEXT, offsetof(struct setup_options, password_file), "FILE|-",
     "its password: the first line of FILE, or of standard input (not shown on a terminal)"},
    {"json", 0, CLI_FLAG, offsetof(struct setup_options, json), NULL, "one JSON object: what was there, what was made"},
};

const struct cli_command cli_setup = {
    .name = "setup",
    .summary = "Set up a phone number: LiveKit's trunk and dispatch rule for it, and our rule to its agent.",
    .arguments = "+NUMBER --agent NAME",
    .min_arguments = 1,
    .max_arguments = 1,
    .options = options_table,
    .option_count = ARRAY_LEN(options_table),
    .details =
        "What is there already stays as it is; running it again changes nothing. A dispatch rule that puts the "
        "number's calls into other rooms, or a rule of ours that gives it to somebody else, is said, and nothing "
        "is changed.\n\nFor example:\n    sipbridge setup +1234567 --agent support --allowed-address 203.0.113.7",
    .run = run,
};
