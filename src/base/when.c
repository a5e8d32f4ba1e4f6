/* Moments as text. */
#include "base/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FORM "0000-00-00T00:00:00.000Z"

/* Without the zone; "" where the year is none that gmtime_r(3) knows. */
static void write_day(int64_t wall_s, char ret_day[WHEN_SIZE]) {
    time_t seconds = (time_t)wall_s;
    struct tm parts;
    ret_day[0] = '\0';
    if (gmtime_r(&seconds, &parts) != NULL) {
        strftime(ret_day, WHEN_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    }
}

void when_format(int64_t wall_ms, char ret_text[WHEN_SIZE]) {
    char day[WHEN_SIZE];
    write_day(wall_ms / 1000, day);
    snprintf(ret_text, WHEN_SIZE, "%.32s.%03dZ", day, (int)(wall_ms % 1000));
}

void when_format_s(int64_t wall_s, char ret_text[WHEN_SIZE]) {
    char day[WHEN_SIZE];
    write_day(wall_s, day);
    snprintf(ret_text, WHEN_SIZE, "%.32s%s", day, day[0] != '\0' ? "Z" : "");
}

static bool has_form(struct slice text) {
    bool good = text.n == sizeof FORM - 1;
    for (size_t i = 0; good && i < text.n; i++) {
        bool is_digit = text.p[i] >= '0' && text.p[i] <= '9';
        good = FORM[i] == '0' ? is_digit : text.p[i] == FORM[i];
    }
    return good;
}

static int number_at(struct slice text, size_t place, size_t digits) {
    int value = 0;
    for (size_t i = place; i < place + digits; i++) {
        value = value * 10 + (text.p[i] - '0');
    }
    return value;
}

bool when_parse(struct slice text, int64_t *ret_wall_ms) {
    if (!has_form(text)) {
        return false;
    }
    struct tm parts = {
        .tm_year = number_at(text, 0, 4) - 1900,
        .tm_mon = number_at(text, 5, 2) - 1,
        .tm_mday = number_at(text, 8, 2),
        .tm_hour = number_at(text, 11, 2),
        .tm_min = number_at(text, 14, 2),
        .tm_sec = number_at(text, 17, 2),
    };
    char again[WHEN_SIZE];
    int64_t wall_ms = (int64_t)timegm(&parts) * 1000 + number_at(text, 20, 3);
    if (wall_ms < 0) {
        return false;
    }
    when_format(wall_ms, again); /* a 31st of April comes back as another day */
    if (!slice_is(text, again)) {
        return false;
    }
    *ret_wall_ms = wall_ms;
    return true;
}
