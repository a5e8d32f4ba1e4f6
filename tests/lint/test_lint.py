"""Each lint rule fails on a sample that breaks it and on nothing else."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import lint  # noqa: E402

CMAKE = "layer(base src/base)\nlayer(rules src/rules LINKS base LIBS jansson)\nlayer(http src/http LINKS base LIBS h2o)\n"
BASE_H = "/* Base. */\n#ifndef BASE_A_H\n#define BASE_A_H\nint a(void);\n#endif\n"
CLEAN = {
    "CMakeLists.txt": CMAKE,
    "src/base/a.h": BASE_H,
    "src/base/a.c": '/* A: sprintf and "..". */\n#include "base/a.h"\nint a(void) {\n    return sizeof("strcpy(x)");\n}\n',
    "src/rules/r.c": '/* R. */\n#include "base/a.h"\n#include <jansson.h>\nstatic struct { int gets; } x;\n',
}


LAYER_ROWS = "| `src/base` |\n| `src/rules` |\n| `src/http` |\n"
LAYER_GRAPH = ("```mermaid\nflowchart TB\n    base[src/base]\n    rules[src/rules]\n    http[src/http]\n    rules --> base\n"
               "    http --> base\n```\n")


def log_call(call):
    return {"src/base/a.c": f"/* A. */\nvoid f(const char *x) {{\n    {call}\n}}\n"}


def log_table(*rows):
    return {"src/messages/t.c": "/* T. */\nstatic const struct message t[] = {\n" + "".join(f"    {{{r}}},\n" for r in rows) + "};\n"}


LEFT = log_call('log_warning(NULL, "%s left (%" PRIu64 "" " %%)", x, n);')
LEFT_ROW = 'LOG_WARNING, "{NAME} left ({COUNT}" " %)", "It left.", "Call it."'


def body(lines):
    return "".join(f"    x += {n};\n" for n in range(lines))


def header(guard, text):
    return f"/* H. */\n#ifndef {guard}\n#define {guard}\n{text}\n#endif\n"


# rule -> files that break it, laid over CLEAN
BAD = {
    "include-cycle": {"src/base/a.h": header("BASE_A_H", '#include "base/b.h"'),
                      "src/base/b.h": header("BASE_B_H", '#include "base/a.h"')},
    "layer-cycle": {"CMakeLists.txt": CMAKE.replace("layer(base src/base)", "layer(base src/base LINKS rules)")},
    "layer-links": {"src/base/a.c": '/* A. */\n#include "rules/r.h"\n',
                    "src/rules/r.h": header("RULES_R_H", "int r(void);")},
    "include-dots": {"src/base/a.c": '/* A. */\n#include "../base/a.h"\n'},
    "outside-library": {"src/base/a.c": "/* A. */\n#include <jansson.h>\n"},
    "outside-library h2o": {"src/http/other.c": "/* O. */\n#include <h2o/socket.h>\n"},
    "outside-library curl": {"src/http/server.c": "/* S. */\n#include <curl/curl.h>\n"},
    "outside-library hiredis": {"src/base/a.c": "/* A. */\n#include <hiredis/async.h>\n"},
    "outside-library sodium": {"src/base/a.c": "/* A. */\n#include <sodium.h>\n"},
    "outside-library header": {"src/rules/r.h": header("RULES_R_H", "#include <jansson.h>")},
    "banned-function": {"src/base/a.c": "/* A. */\nvoid f(char *a, char *b) {\n    strcpy(a, b);\n}\n"},
    "banned-function malloc": {"src/base/a.c": "/* A. */\nvoid *f(void) {\n    return malloc (4);\n}\n"},
    "long-function": {"src/base/a.c": "/* A. */\nvoid f(int x) {\n" + body(59) + "}\n"},
    "long-file": {"src/base/a.c": "/* A. */\n" + "extern int x;\n" * 400},
    "include-guard": {"src/base/a.h": BASE_H.replace("BASE_A_H", "A_H")},
    "include-guard missing": {"src/base/a.h": "/* A. */\nint a(void);\n"},
    "opening-paragraph": {"src/base/a.c": '#include "base/a.h"\n'},
    "header-alone": {"src/base/a.h": BASE_H.replace("int a(void)", "size_t a(void)")},
    "log-message": LEFT,
    "log-message no literal": log_call("log_info(NULL, x);"),
    "log-message unused": log_table(LEFT_ROW),
    "log-message remedy": {**LEFT, **log_table(LEFT_ROW.replace("Call it.", ""))},
    "log-message cause": {**LEFT, **log_table(LEFT_ROW.replace("It left.", ""))},
    "log-message twice": {**LEFT, **log_table(LEFT_ROW, LEFT_ROW.replace("NAME", "WHO"))},
    "log-message order": {
        "src/base/a.c": LEFT["src/base/a.c"] + 'void g(void) {\n    log_info(NULL, "here");\n}\n',
        **log_table('LOG_INFO, "here", "It is here.", ""', LEFT_ROW)},
    "machine-path": {"doc/x.md": "see /hom" + "e/joe/notes\n"},
    "unfinished": {"doc/x.md": "TO" + "DO: the rest\n"},
    "link": {"doc/x.md": "see [the other](y.md)\n"},
    "link to a heading": {"doc/x.md": "# One & two\n[good](#one--two) [bad](#one-two)\n"},
    "link in a badge": {"doc/x.md": "[![picture](no.png)](x.md)\n"},
    "link without https": {"doc/x.md": "[a](http://example.org/)\n"},
    "link without a host": {"doc/x.md": "[a](https:example)\n"},
    "link to no image": {"doc/x.md": "![a](x.md)\n"},
    "layer-diagram": {"doc/architecture.md": "<!-- layers -->\nold\n<!-- /layers -->\n" + LAYER_ROWS},
    "layer-diagram missing": {"doc/architecture.md": LAYER_ROWS},
    "layer-diagram row": {"doc/architecture.md": "<!-- layers -->\n" + LAYER_GRAPH + "<!-- /layers -->\n" + LAYER_ROWS.partition("\n")[2]},
}


def make(directory, files):
    for name, text in {**CLEAN, **files}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return lint.lint(directory)[1]


def test_a_clean_tree_is_clean(tmp_path):
    assert make(tmp_path, {}) == []


@pytest.mark.parametrize("case", BAD)
def test_rule_catches(tmp_path, case):
    problems = make(tmp_path, BAD[case])
    assert [p.rule for p in problems] == [case.split()[0]], problems


def test_every_rule_has_a_bad_sample():
    tested = {"rule_" + case.split()[0].replace("-", "_") for case in BAD}
    assert tested == {rule.__name__ for rule in lint.RULES}


def test_sixty_lines_are_allowed(tmp_path):
    assert make(tmp_path, {"src/base/a.c": "/* A. */\nvoid f(int x) {\n" + body(58) + "}\n"}) == []


def test_structs_tables_and_macros_are_not_functions(tmp_path):
    rows = "".join(f"    {{{n}, f({n})}},\n" for n in range(100))
    text = f"/* A. */\nstatic const struct row table[] = {{\n{rows}}};\n#define M(x) \\\n    do {{ \\\n    }} while (0)\n"
    assert make(tmp_path, {"src/base/a.c": text}) == []


def test_banned_names_count_only_as_calls_in_production(tmp_path):
    files = {"src/base/a.c": "/* gets() */\nint f(struct s *s) {\n    return s->signal(1) + s.rand(2) + my_gets(3);\n}\n",
             "tests/unit/test_x.c": "void f(char *a) {\n    strcpy(a, a);\n    malloc(3);\n}\n"}
    assert make(tmp_path, files) == []


def test_links_that_lead_somewhere(tmp_path):
    text = ("# A\n## The `x` of [y](z.md)\n## A\n[1](#a) [2](#a-1) [3](#the-x-of-y) [4](../src/base/a.c) [5](../src/base) "
            "[6](z.md#z) `[no](link)` [7](https://example.org/a?b=c#d)\n\n    [no](block)\n\n```\n[no](fence)\n```\n")
    assert make(tmp_path, {"doc/x.md": text, "doc/z.md": "# Z\n"}) == []


def test_the_diagram_leaves_out_what_a_link_brings(tmp_path):
    make(tmp_path, {"CMakeLists.txt": CMAKE + "layer(app src/app LINKS base rules http)\n"})
    lines = lint.layer_diagram(lint.Tree(tmp_path)).splitlines()
    assert [line.strip() for line in lines if "-->" in line] == \
        ["rules --> base", "http --> base", "app --> rules", "app --> http"]


def test_messages_of_calls_and_table_are_compared(tmp_path):
    assert make(tmp_path, {**LEFT, **log_table(LEFT_ROW)}) == []


@pytest.mark.parametrize("row", [LEFT_ROW.replace("WARNING", "ERROR"), LEFT_ROW.replace("left", "went"),
                                 LEFT_ROW.replace("{COUNT}", "3"), LEFT_ROW.replace("{NAME}", "{Name}")])
def test_another_level_or_text_is_another_message(tmp_path, row):
    assert [p.rule for p in make(tmp_path, {**LEFT, **log_table(row)})] == ["log-message"] * 2


def test_a_level_that_varies_and_a_wrapper(tmp_path):
    calls = log_call('log_and_tell(said, level, "%s: %s", x, x);')
    calls["src/base/b.c"] = ('/* B. */\nstatic void log_and_tell(struct buf *b, enum log_level level, const char *format, ...) {\n'
                             '    log_write(level, NULL, "%s", b);\n    log_and_tell(b, LOG_ERROR, "no: %d", 1);\n}\n')
    rows = ('LOG_ERROR, "{A}: {B}", "C.", "R."', 'LOG_ERROR, "no: {N}", "C.", "R."', 'LOG_INFO, "{A}: {B}", "C.", ""')
    assert make(tmp_path, {**calls, **log_table(*rows)}) == []


def test_exit_code_and_lines_for_people(tmp_path, capsys):
    make(tmp_path, BAD["unfinished"])
    assert lint.main(["lint", str(tmp_path)]) == 1
    assert "doc/x.md:1: unfinished: " in capsys.readouterr().out
