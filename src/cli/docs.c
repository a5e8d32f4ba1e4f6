/* sipbridge docs: the manual page, the tables of the documentation and the shells' completion, from the tables that
 * they describe. */
#include <stdio.h>
#include <string.h>

#include "calllog/record.h"
#include "calls/exit.h"
#include "calls/verdict.h"
#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/docs.h"
#include "cli/help.h"
#include "doctor/check.h"
#include "ops/metrics.h"

/* Markdown and roff have characters of their own. */
void docs_cell(struct buf *out, const char *text) {
    for (; *text != '\0'; text++) {
        buf_adds(out, *text == '|' ? "\\" : "");
        buf_addc(out, *text);
    }
}

/* TEXT for roff: backslashes and leading dots escaped, `code` in bold. */
static void add_roff(struct buf *out, const char *text) {
    bool bold = false;
    for (const char *p = text; *p != '\0'; p++) {
        bool at_start = out->len == 0 || out->p[out->len - 1] == '\n';
        switch (*p) {
        case '`':
            bold = !bold;
            buf_adds(out, bold ? "\\fB" : "\\fR");
            break;
        case '\\': buf_adds(out, "\\e"); break;
        case '-': buf_adds(out, "\\-"); break;
        case '.':
        case '\'': buf_addf(out, "%s%c", at_start ? "\\&" : "", *p); break;
        case '\n': buf_adds(out, at_start ? ".PP\n" : "\n"); break;
        default: buf_addc(out, *p);
        }
    }
    buf_addc(out, '\n');
}

static void roff_setting(struct buf *out, const struct setting_info *info) {
    buf_addf(out, ".TP\n.B %s\n", info->name);
    add_roff(out, info->help);
    cleanup_buf struct buf facts = {0};
    buf_addf(&facts, "(%s%s%s", info->type, info->choices != NULL ? ": " : "",
             info->choices != NULL ? info->choices : "");
    if (*info->fallback != '\0') {
        buf_addf(&facts, "; default `%s`", info->fallback);
    }
    buf_adds(&facts, info->reloads ? "" : "; a change needs a restart");
    buf_addc(&facts, ')');
    add_roff(out, facts.p);
}

static void roff_settings(struct buf *out) {
    const char *section = "";
    buf_adds(out, ".SH SETTINGS\n");
    add_roff(out,
             "Environment variables, or lines NAME=VALUE in the file of `--env-file`; the environment wins. An empty "
             "value means that the setting is not set. Durations are written `500ms`, `2s`, `5m`, `4h`, `7d`; sizes "
             "`65536`, `16KiB`, `1MiB`.");
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        const struct setting_info *info = settings_info(id);
        if (strcmp(section, info->section) != 0) {
            section = info->section;
            buf_addf(out, ".SS %s\n", section);
        }
        roff_setting(out, info);
    }
}

static void roff_options(struct buf *out, const struct cli_command *command) {
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        cleanup_buf struct buf name = {0};
        if (option->letter != 0) {
            buf_addf(&name, "`-%c`, ", option->letter);
        }
        buf_addf(&name, "`--%s`%s%s", option->name, option->value != NULL ? " " : "",
                 option->value != NULL ? option->value : "");
        buf_adds(out, ".RS\n.TP\n");
        add_roff(out, name.p);
        add_roff(out, option->help);
        buf_adds(out, ".RE\n");
    }
}

static void roff_command(struct buf *out, const char *prefix, const struct cli_command *command) {
    cleanup_buf struct buf heading = {0};
    cleanup_free char *name = xasprintf("%s%s", prefix, command->name);
    if (command->verbs != NULL) {
        cleanup_free char *deeper = xasprintf("%s ", name);
        for (const struct cli_command *const *verb = command->verbs; *verb != NULL; verb++) {
            roff_command(out, deeper, *verb);
        }
        return;
    }
    buf_addf(&heading, "`%s`", name);
    help_synopsis(command, &heading);
    buf_adds(out, ".TP\n");
    add_roff(out, heading.p);
    add_roff(out, command->summary);
    roff_options(out, command);
    if (command->details != NULL) {
        buf_adds(out, ".RS\n.PP\n");
        add_roff(out, command->details);
        buf_adds(out, ".RE\n");
    }
}

static void print_man(const struct cli *cli, struct buf *out) {
    buf_addf(out, ".\\\" Made by `sipbridge docs man`; do not edit.\n.TH SIPBRIDGE 1 \"\" \"sipbridge %s\"\n",
             SIPBRIDGE_VERSION);
    buf_adds(out, ".SH NAME\nsipbridge \\- starts the agent that answers a LiveKit SIP call\n.SH SYNOPSIS\n"
                  ".B sipbridge\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n.SH DESCRIPTION\n");
    add_roff(out,
             "LiveKit tells sipbridge by signed webhook that a phone call has made a room. sipbridge decides which "
             "agent answers, starts that agent's process, and stops it when the call is over.");
    buf_adds(out, ".SH COMMANDS\n");
    add_roff(out, "`--help` after a command tells the same; `--env-file` FILE reads settings from a file.");
    for (const struct cli_command *const *command = cli->commands; *command != NULL; command++) {
        roff_command(out, "", *command);
    }
    roff_settings(out);
    buf_adds(out,
             ".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nthe check or the request failed\n.TP\n2\nusage or settings\n");
}

static void print_settings(const struct cli *cli, struct buf *out) {
    (void)cli;
    const char *section = "";
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        const struct setting_info *info = settings_info(id);
        if (strcmp(section, info->section) != 0) {
            buf_addf(
                out,
                "%s### %s\n\n| Name | Value | Default | A change needs | Meaning |\n| --- | --- | --- | --- | --- |\n",
                *section != '\0' ? "\n" : "", info->section);
            section = info->section;
        }
        buf_addf(out, "| `%s` | ", info->name);
        docs_cell(out, info->choices != NULL ? info->choices : info->type);
        buf_addf(out, *info->fallback != '\0' ? " | `%s` | " : " | %s| ", info->fallback);
        buf_addf(out, "%s | ", info->reloads ? "reload" : "restart");
        docs_cell(out, info->help);
        buf_adds(out, " |\n");
    }
}

static void markdown_command(struct buf *out, const char *prefix, const struct cli_command *command) {
    cleanup_free char *name = xasprintf("%s%s", prefix, command->name);
    if (command->verbs != NULL) {
        cleanup_free char *deeper = xasprintf("%s ", name);
        for (const struct cli_command *const *verb = command->verbs; *verb != NULL; verb++) {
            markdown_command(out, deeper, *verb);
        }
        return;
    }
    buf_addf(out, "| `sipbridge %s", name);
    if (command->arguments != NULL) {
        buf_addc(out, ' ');
        docs_cell(out, command->arguments);
    }
    buf_adds(out, "` | ");
    docs_cell(out, command->summary);
    buf_adds(out, " |\n");
}

static void print_commands(const struct cli *cli, struct buf *out) {
    buf_adds(out, "| Command | What it does |\n| --- | --- |\n");
    for (const struct cli_command *const *command = cli->commands; *command != NULL; command++) {
        markdown_command(out, "", *command);
    }
}

static void print_doctor(const struct cli *cli, struct buf *out) {
    (void)cli;
    buf_adds(out, "| Check | Looks at | A finding causes |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < doctor_check_count(); i++) {
        const struct doctor_check *check = doctor_check_at(i);
        buf_addf(out, "| `%s` | ", check->name);
        docs_cell(out, check->looks_at);
        buf_adds(out, " | ");
        docs_cell(out, check->causes);
        buf_adds(out, " |\n");
    }
}

static void print_metrics(const struct cli *cli, struct buf *out) {
    (void)cli;
    metrics_describe(out);
}

static void print_call_log(const struct cli *cli, struct buf *out) {
    (void)cli;
    call_record_describe(out);
}

static void print_life(const struct cli *cli, struct buf *out) {
    (void)cli;
    call_describe_life(out);
}

static void print_exits(const struct cli *cli, struct buf *out) {
    (void)cli;
    exit_describe(out);
}

static const struct {
    const char *name;
    void (*print)(const struct cli *cli, struct buf *out);
} documents[] = {
    {"man", print_man},
    {"settings", print_settings},
    {"commands", print_commands},
    {"doctor", print_doctor},
    {"metrics", print_metrics},
    {"call-log", print_call_log},
    {"life", print_life},
    {"exits", print_exits},
    {"messages", docs_messages},
    {"messages-json", docs_messages_json},
    {"health", docs_health},
    {"completion-bash", completion_bash},
    {"completion-zsh", completion_zsh},
};

static int run(struct cli *cli) {
    if (!cli_parse(cli, NULL)) {
        return CLI_USAGE;
    }
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        if (strcmp(cli->argv[0], documents[i].name) == 0) {
            cleanup_buf struct buf text = {0};
            documents[i].print(cli, &text);
            fwrite(text.p, 1, text.len, stdout);
            return CLI_OK;
        }
    }
    cli_error(cli, "there is no document \"%s\": give one of %s", cli->argv[0], cli->command->arguments);
    return CLI_USAGE;
}

const struct cli_command cli_docs = {
    .name = "docs",
    .summary =
        "Print the manual page (roff), the tables of settings, commands, checks, metrics, messages … and diagrams "
        "(Markdown), or a "
        "shell's completion.",
    .arguments =
        "man|settings|commands|doctor|metrics|call-log|life|exits|messages|messages-json|health|completion-bash|"
        "completion-zsh",
    .min_arguments = 1,
    .max_arguments = 1,
    .no_settings = true,
    .run = run,
};
