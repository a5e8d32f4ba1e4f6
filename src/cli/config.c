/* sipbridge config: the settings in effect and where each came from. Secrets are never shown. */
#include <jansson.h>
#include <stdio.h>

#include "cli/cli.h"

struct config_options {
    bool json;
};

static void print_table(const struct settings *settings) {
    static const char *const titles[] = {"SETTING", "VALUE", "FROM"};
    cleanup_table struct cli_table table;
    cli_table_init(&table, titles, ARRAY_LEN(titles));
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        cleanup_buf struct buf value = {0};
        settings_show(settings, id, &value);
        bool is_default = !settings_is_given(settings, id);
        cli_table_add_coloured(&table, is_default ? COLOUR_NONE : COLOUR_BOLD, settings_info(id)->name);
        cli_table_add(&table, value.p);
        cli_table_add_coloured(&table, is_default ? COLOUR_DIM : COLOUR_NONE, settings->origin[id]);
    }
    cli_table_print(&table);
}

static void print_json(const struct settings *settings) {
    json_t *all = json_object();
    for (enum setting_id id = 0; id < SETTING_COUNT; id++) {
        cleanup_buf struct buf value = {0};
        settings_show(settings, id, &value);
        json_object_set_new(all, settings_info(id)->name,
                            json_pack("{s:s, s:s}", "value", value.p, "from", settings->origin[id]));
    }
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
}

static int run(struct cli *cli) {
    struct config_options options = {0};
    cleanup_settings struct settings settings = {0};
    if (!cli_parse(cli, &options)) {
        return CLI_USAGE;
    }
    bool good = cli_settings(cli, &settings);
    if (options.json) {
        print_json(&settings);
    } else {
        print_table(&settings);
    }
    return good ? CLI_OK : CLI_USAGE;
}

static const struct cli_option options_table[] = {
    {"json", 0, CLI_FLAG, offsetof(struct config_options, json), NULL, "one JSON object: name -> value, from"},
};

const struct cli_command cli_config = {
    .name = "config",
    .summary = "Show the settings in effect and where each came from.",
    .options = options_table,
    .option_count = ARRAY_LEN(options_table),
    .details = "Secrets are shown as their length, URLs without their password. The exit code is 2 when a setting is "
               "wrong; the table then shows what was written.",
    .run = run,
};
