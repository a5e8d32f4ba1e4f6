/* A bounded list of findings and the pool of the texts they were made of. */
#include "doctor/findings.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#define MORE_FORMAT " (and %zu more like it)"

struct findings {
    struct finding list[FINDINGS_MAX];
    struct finding spare; /* takes what is over the limits */
    size_t count;
    const char *check;
    size_t of_check; /* findings of CHECK so far */
    size_t totals[FINDING_SKIPPED + 1];
    char **pool;
    size_t pooled, pool_cap;
};

const char *finding_level_name(enum finding_level level) {
    static const char *const names[] = {
#define X(name, text) [FINDING_##name] = text,
        FINDING_LEVELS(X)
#undef X
    };
    return names[level];
}

struct findings *findings_new(void) {
    return xcalloc(1, sizeof(struct findings));
}

static void clear(struct finding *finding) {
    free(finding->what);
    free(finding->causes);
    free(finding->repair);
    *finding = (struct finding){0};
}

void findings_free(struct findings *findings) {
    if (findings == NULL) {
        return;
    }
    for (size_t i = 0; i < findings->count; i++) {
        clear(&findings->list[i]);
    }
    clear(&findings->spare);
    for (size_t i = 0; i < findings->pooled; i++) {
        free(findings->pool[i]);
    }
    free(findings->pool);
    free(findings);
}

size_t findings_count(const struct findings *findings) {
    return findings->count;
}

const struct finding *findings_at(const struct findings *findings, size_t place) {
    return &findings->list[place];
}

size_t findings_total(const struct findings *findings, enum finding_level level) {
    return findings->totals[level];
}

void findings_begin(struct findings *findings, const char *check) {
    findings->check = check;
    findings->of_check = 0;
}

static char *format_text(const char *format, va_list args) {
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    return xstrdup(text);
}

/* The last finding that is kept also tells of those that are not. */
static void say_more(struct findings *findings) {
    struct finding *last = &findings->list[findings->count - 1];
    size_t more = findings->of_check - FINDINGS_MAX_PER_CHECK, size = strlen(last->what);
    if (more > 1) {
        size -= (size_t)snprintf(NULL, 0, MORE_FORMAT, more - 1);
    }
    cleanup_free char *what = xmemdup(last->what, size);
    free(last->what);
    last->what = xasprintf("%s" MORE_FORMAT, what, more);
}

static struct finding *place_for_one(struct findings *findings) {
    findings->of_check++;
    if (findings->of_check > FINDINGS_MAX_PER_CHECK && findings->count > 0) {
        say_more(findings);
    } else if (findings->count < FINDINGS_MAX) {
        return &findings->list[findings->count++];
    }
    clear(&findings->spare);
    return &findings->spare;
}

struct finding *findings_add(struct findings *findings, enum finding_level level, const char *format, ...) {
    struct finding *finding = place_for_one(findings);
    va_list args;
    va_start(args, format);
    *finding = (struct finding){.check = findings->check, .level = level, .what = format_text(format, args)};
    va_end(args);
    findings->totals[level]++;
    return finding;
}

void finding_causes(struct finding *finding, const char *format, ...) {
    va_list args;
    va_start(args, format);
    free(finding->causes);
    finding->causes = format_text(format, args);
    va_end(args);
}

void finding_repair(struct finding *finding, const char *format, ...) {
    va_list args;
    va_start(args, format);
    free(finding->repair);
    finding->repair = format_text(format, args);
    va_end(args);
}

/* Takes over TEXT. */
static const char *keep(struct findings *findings, char *text) {
    if (findings->pooled == findings->pool_cap) {
        findings->pool_cap = findings->pool_cap > 0 ? 2 * findings->pool_cap : 16;
        findings->pool = xrealloc(findings->pool, findings->pool_cap * sizeof *findings->pool);
    }
    findings->pool[findings->pooled++] = text;
    return text;
}

const char *findings_show(struct findings *findings, struct slice text) {
    struct buf shown = {0};
    text_escape(&shown, text, FINDINGS_SHOWN);
    return keep(findings, buf_take(&shown));
}

const char *findings_text(struct findings *findings, const char *text) {
    struct buf shown = {0};
    text_clean(&shown, slice_of(text), FINDINGS_TEXT);
    return keep(findings, buf_take(&shown));
}

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("_.:/+=@%,-", c) != NULL;
}

/* Single quotes hold everything but themselves. */
static void add_quoted(struct buf *out, struct slice text) {
    buf_addc(out, '\'');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'') {
            buf_adds(out, "'\\''");
        } else {
            buf_addc(out, text.p[i]);
        }
    }
    buf_addc(out, '\'');
}

const char *findings_word(struct findings *findings, struct slice text) {
    cleanup_buf struct buf shown = {0};
    struct buf word = {0};
    text_clean(&shown, text, FINDINGS_SHOWN);
    if (text.n > FINDINGS_SHOWN || !slice_eq(buf_slice(&shown), text)) {
        return "…";
    }
    bool plain = text.n > 0;
    for (size_t i = 0; i < text.n; i++) {
        plain = plain && is_plain(text.p[i]) && text.p[i] != '\0';
    }
    if (plain) {
        buf_add_slice(&word, text);
    } else {
        add_quoted(&word, text);
    }
    return keep(findings, buf_take(&word));
}
