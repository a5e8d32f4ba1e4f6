/* The page's parts; their bytes are made from src/board/page by the build. */
#include "base/mem.h"
#include "board/board.h"

extern const unsigned char board_html[], board_css[], board_js[];
extern const size_t board_html_size, board_css_size, board_js_size;

bool board_part(struct slice path, struct board_part *ret_part) {
    const struct {
        const char *path, *content_type;
        const unsigned char *bytes;
        size_t size;
    } parts[] = {
        {"", "text/html; charset=utf-8", board_html, board_html_size},
        {"/board.css", "text/css; charset=utf-8", board_css, board_css_size},
        {"/board.js", "text/javascript; charset=utf-8", board_js, board_js_size},
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (slice_is(path, parts[i].path)) {
            *ret_part = (struct board_part){parts[i].content_type, {(const char *)parts[i].bytes, parts[i].size}};
            return true;
        }
    }
    return false;
}
