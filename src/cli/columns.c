/* The widths are those of the C library (wcwidth(3)), which knows them in a locale of UTF-8: in C.UTF-8, which comes with
 * glibc, whatever the terminal's is called. Without it a character counts as one column. */
#include "cli/columns.h"

#include <limits.h>
#include <locale.h>
#include <wchar.h>

static locale_t utf8_locale(void) {
    static locale_t locale;
    if (locale == (locale_t)0) {
        locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    }
    return locale;
}

/* Bytes and columns of the character that TEXT, which is not empty, begins with. */
static size_t read_character(struct slice text, size_t *ret_columns) {
    mbstate_t state = {0};
    wchar_t character = L'\0';
    size_t size = mbrtowc(&character, text.p, text.n < MB_LEN_MAX ? text.n : MB_LEN_MAX, &state);
    if (size == 0 || size > MB_LEN_MAX) { /* no character, or no such locale */
        *ret_columns = ((unsigned char)text.p[0] & 0xC0u) != 0x80u;
        return 1;
    }
    int columns = wcwidth(character);
    *ret_columns = columns >= 0 ? (size_t)columns : 1;
    return size;
}

size_t columns_fit(struct slice text, size_t most, size_t *ret_columns) {
    locale_t before = uselocale(utf8_locale());
    size_t used = 0, columns = 0, more;
    for (size_t size; used < text.n; used += size, columns += more) {
        size = read_character(slice_after(text, used), &more);
        if (columns + more > most) {
            break;
        }
    }
    uselocale(before);
    *ret_columns = columns;
    return used;
}

size_t columns_of(struct slice text) {
    size_t columns;
    (void)columns_fit(text, SIZE_MAX, &columns);
    return columns;
}
