/* What commands print: aligned tables, colour, the terminal's width. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/columns.h"
#include "cli/help.h"

enum { CELL_MAX = 1024, GAP = 2, NARROWEST = 7 };

static const char *const colours[COLOUR_COUNT] = {"\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"};

const char *cli_colour(enum cli_colour colour) {
    const char *no_colour = getenv("NO_COLOR"); /* NOLINT(concurrency-mt-unsafe) */
    const char *terminal = getenv("TERM");      /* NOLINT(concurrency-mt-unsafe) */
    bool dumb = terminal != NULL && strcmp(terminal, "dumb") == 0;
    return isatty(STDOUT_FILENO) != 0 && (no_colour == NULL || *no_colour == '\0') && !dumb ? colours[colour] : "";
}

size_t cli_width(void) {
    struct winsize size;
    if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
        return 0;
    }
    return size.ws_col;
}

void cli_table_init(struct cli_table *table, const char *const *titles, size_t columns) {
    assert(columns > 0 && columns <= CLI_MAX_COLUMNS);
    *table = (struct cli_table){.columns = columns, .titles = titles, .whole = 1};
}

void cli_table_add_coloured(struct cli_table *table, enum cli_colour colour, const char *text) {
    cleanup_buf struct buf shown = {0};
    text_clean(&shown, slice_of(text), CELL_MAX);
    if (table->count == table->cap) {
        table->cap = table->cap > 0 ? table->cap * 2 : 64;
        table->cells = xrealloc(table->cells, table->cap * sizeof *table->cells);
    }
    size_t width = columns_of(buf_slice(&shown));
    table->cells[table->count++] = (struct cli_cell){.text = buf_take(&shown), .width = width, .colour = colour};
}

void cli_table_add(struct cli_table *table, const char *text) {
    cli_table_add_coloured(table, COLOUR_NONE, text);
}

void cli_table_addf(struct cli_table *table, const char *format, ...) {
    char text[CELL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli_table_add(table, text);
}

static void measure(const struct cli_table *table, size_t *widths) {
    for (size_t i = 0; i < table->columns; i++) {
        widths[i] = table->titles != NULL ? columns_of(slice_of(table->titles[i])) : 0;
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t *width = &widths[i % table->columns];
        *width = table->cells[i].width > *width ? table->cells[i].width : *width;
    }
}

/* How a table is printed: the widths of its columns, and those that are shown. */
struct layout {
    size_t widths[CLI_MAX_COLUMNS];
    unsigned shown;
    size_t last; /* the last that is shown */
};

static bool has(unsigned columns, size_t column) {
    return (columns >> column & 1U) != 0;
}

static size_t total(const struct layout *layout) {
    size_t sum = 0;
    for (size_t i = 0; i <= layout->last; i++) {
        sum += has(layout->shown, i) ? layout->widths[i] + (i < layout->last ? GAP : 0) : 0;
    }
    return sum;
}

static void drop_spare(struct layout *layout, unsigned spare, size_t terminal) {
    for (size_t i = layout->last; i > 0 && total(layout) > terminal; i--) {
        if (has(spare, i)) {
            layout->shown &= ~(1U << i);
            layout->last -= i == layout->last ? 1 : 0;
        }
    }
}

/* The widest column that may be cut; `columns` when there is none. */
static size_t widest(const struct layout *layout, const struct cli_table *table) {
    size_t found = table->columns, most = NARROWEST;
    for (size_t i = 0; i <= layout->last; i++) {
        if (has(layout->shown & ~table->whole, i) && layout->widths[i] > most) {
            found = i;
            most = layout->widths[i];
        }
    }
    return found;
}

static void fit(struct layout *layout, const struct cli_table *table, size_t terminal) {
    if (terminal == 0) {
        return;
    }
    drop_spare(layout, table->spare, terminal);
    while (total(layout) > terminal) {
        size_t column = widest(layout, table);
        if (column == table->columns) {
            return;
        }
        layout->widths[column]--;
    }
}

/* TEXT in WIDTH columns, cut with "…" or (unless it is the last in its row) filled up with blanks. */
static void print_cell(const struct cli_cell *cell, size_t width, bool last) {
    bool cut = cell->width > width;
    bool coloured = cell->colour != COLOUR_NONE;
    size_t used, bytes = columns_fit(slice_of(cell->text), cut ? width - 1 : width, &used);
    printf("%s%.*s%s%s", coloured ? cli_colour(cell->colour) : "", (int)bytes, cell->text, cut ? "…" : "",
           coloured ? cli_colour(COLOUR_NONE) : "");
    used += cut;
    printf("%*s", last ? 0 : (int)(width - used + GAP), "");
}

static void print_row(const struct cli_table *table, const struct cli_cell *cells, const struct layout *layout) {
    for (size_t i = 0; i <= layout->last; i++) {
        bool last = i == layout->last;
        if (last && table->wraps && cells[i].width > layout->widths[i]) {
            bool coloured = cells[i].colour != COLOUR_NONE;
            fputs(coloured ? cli_colour(cells[i].colour) : "", stdout);
            help_print(cells[i].text, total(layout) - layout->widths[i]);
            fputs(coloured ? cli_colour(COLOUR_NONE) : "", stdout);
            continue;
        }
        if (has(layout->shown, i)) {
            print_cell(&cells[i], layout->widths[i], last);
        }
        fputs(last ? "\n" : "", stdout);
    }
}

void cli_table_print(const struct cli_table *table) {
    struct layout layout = {.shown = (1U << table->columns) - 1, .last = table->columns - 1};
    if (table->columns == 0) {
        return;
    }
    measure(table, layout.widths);
    fit(&layout, table, cli_width());
    if (table->titles != NULL) {
        struct cli_cell titles[CLI_MAX_COLUMNS];
        for (size_t i = 0; i < table->columns; i++) {
            titles[i] =
                (struct cli_cell){(char *)table->titles[i], columns_of(slice_of(table->titles[i])), COLOUR_BOLD};
        }
        print_row(table, titles, &layout);
    }
    for (size_t i = 0; i < table->count; i += table->columns) {
        print_row(table, &table->cells[i], &layout);
    }
}

void cli_table_release(struct cli_table *table) {
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i].text);
    }
    free(table->cells);
    *table = (struct cli_table){0};
}
