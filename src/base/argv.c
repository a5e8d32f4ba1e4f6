/* Command lines as argument vectors, without a shell: splitting, and checking the {names} a template uses. */
#include "base/argv.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { COMMAND_MAX_BYTES = 32 << 10 };

/* A split under way: the words so far and the one being read. */
struct splitter {
    char **argv;
    size_t count;
    struct buf word;
    bool in_word; /* '' is a word too */
    char quote;   /* ' or " while inside one */
    bool escaped;
};

static void end_word(struct splitter *split) {
    if (!split->in_word) {
        return;
    }
    split->argv = xrealloc(split->argv, (split->count + 2) * sizeof *split->argv);
    split->argv[split->count++] = buf_take(&split->word);
    split->argv[split->count] = NULL;
    split->in_word = false;
}

static void add_char(struct splitter *split, char c) {
    buf_addc(&split->word, c);
    split->in_word = true;
}

static void split_char(struct splitter *split, char c) {
    bool quote_mark = c == '"' || c == '\'';
    if (split->escaped) {
        add_char(split, c);
        split->escaped = false;
    } else if (c == '\\' && split->quote != '\'') {
        split->escaped = true;
    } else if (split->quote != 0 && c == split->quote) {
        split->quote = 0;
    } else if (split->quote == 0 && quote_mark) {
        split->quote = c;
        split->in_word = true;
    } else if (split->quote == 0 && strchr(" \t\r\n", c) != NULL) {
        end_word(split);
    } else {
        add_char(split, c);
    }
}

static bool split_text(struct splitter *split, struct slice text, struct diag *diag) {
    if (text.n > COMMAND_MAX_BYTES) {
        return diag_fail(diag, "", "a command line has at most %d bytes, not %zu", COMMAND_MAX_BYTES, text.n);
    }
    if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL) {
        return diag_fail(diag, "", "a command line has no NUL byte");
    }
    for (size_t i = 0; i < text.n; i++) {
        split_char(split, text.p[i]);
        if (split->count > ARGV_MAX) {
            break;
        }
    }
    if (split->quote != 0) {
        return diag_fail(diag, "", "the quote %c is not closed", split->quote);
    }
    if (split->escaped) {
        return diag_fail(diag, "", "a backslash at the end escapes nothing");
    }
    end_word(split);
    if (split->count > ARGV_MAX) {
        return diag_fail(diag, "", "more than %d arguments", ARGV_MAX);
    }
    if (split->count == 0 || split->argv[0][0] == '\0') {
        return diag_fail(diag, "", "names no program");
    }
    return true;
}

char **argv_split(struct slice text, struct diag *diag) {
    struct splitter split = {0};
    bool good = split_text(&split, text, diag);
    buf_release(&split.word);
    if (!good) {
        argv_free(split.argv);
        return NULL;
    }
    return split.argv;
}

void argv_free(char **argv) {
    if (argv == NULL) {
        return;
    }
    for (char **at = argv; *at != NULL; at++) {
        free(*at);
    }
    free(argv);
}

char **argv_copy(char *const *argv) {
    if (argv == NULL) {
        return NULL;
    }
    size_t count = 0;
    while (argv[count] != NULL) {
        count++;
    }
    char **copy = xcalloc(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = xstrdup(argv[i]);
    }
    return copy;
}

static bool is_known_name(struct slice name) {
    static const char *const names[] = {"room", "agent", "agent_id", "called", "caller", "livekit_url"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (slice_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* The next {name} at or after *AT, a name being [a-z_]+: other braces (JSON, ${HOME}) are text. */
static bool next_name(const char **at, struct slice *ret_name) {
    for (const char *open = strchr(*at, '{'); open != NULL; open = strchr(open + 1, '{')) {
        size_t length = strspn(open + 1, "abcdefghijklmnopqrstuvwxyz_");
        if (length > 0 && open[1 + length] == '}') {
            *ret_name = (struct slice){open + 1, length};
            *at = open + length + 2;
            return true;
        }
    }
    return false;
}

bool argv_check(char *const *argv, struct diag *diag) {
    for (size_t i = 0; argv[i] != NULL; i++) {
        const char *at = argv[i];
        struct slice name;
        while (next_name(&at, &name)) {
            if (!is_known_name(name)) {
                return diag_fail(
                    diag, "",
                    "{%.*s} is not known: {room}, {agent}, {agent_id}, {called}, {caller} and {livekit_url} are",
                    SLICE_ARG(name));
            }
            /* What a caller dials must never choose which program runs. */
            if (i == 0) {
                return diag_fail(diag, "", "the program itself cannot contain {%.*s}: only its arguments can",
                                 SLICE_ARG(name));
            }
        }
    }
    return true;
}

const char *argv_uses(char *const *argv, const char *const *names) {
    for (; *names != NULL; names++) {
        cleanup_free char *place = xasprintf("{%s}", *names);
        for (char *const *argument = argv; *argument != NULL; argument++) {
            if (strstr(*argument, place) != NULL) {
                return *names;
            }
        }
    }
    return NULL;
}

static bool is_shell_word(const char *argument) {
    static const char *const operators[] = {"&&", "||", "|", ">", ">>", "<", ";", "&", "2>", "2>&1", "&>"};
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (strcmp(argument, operators[i]) == 0) {
            return true;
        }
    }
    char next = argument[0] != '\0' ? argument[1] : '\0';
    bool is_name = (next >= 'A' && next <= 'Z') || (next >= 'a' && next <= 'z') || next == '_' || next == '{';
    return (argument[0] == '$' && is_name) || (argument[0] == '~' && next == '/');
}

const char *argv_shell_word(char *const *argv) {
    for (char *const *argument = argv; *argument != NULL; argument++) {
        if (is_shell_word(*argument)) {
            return *argument;
        }
    }
    return NULL;
}
