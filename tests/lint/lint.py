#!/usr/bin/env python3
"""What the compiler and clang-tidy do not check about this repository's shape.

Every rule is a function that takes a Tree and yields Problems; RULES lists them. A Tree is a directory with its
CMakeLists.txt: the repository, or a bad sample made by test_lint.py. Only the standard library is needed.

    lint.py [DIR]          prints file:line: rule: what is wrong; exit 1 when there is anything
    lint.py --layers       prints the graph of layers as doc/architecture.md has it, for doc/update.sh
"""
import concurrent.futures
import fnmatch
import functools
import os
import re
import subprocess
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import links  # noqa: E402
import messages  # noqa: E402

Problem = namedtuple("Problem", "path line rule text")

PRODUCTION = ("src", "webhooks", "spawner")
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 400

# Header prefix of an outside library -> the only files that may include it. Tests may include any.
OUTSIDE = {
    "h2o": ["src/http/server.c", "src/http/answer.c"],
    "curl": ["src/http/client.c", "src/http/multi.c"],
    "hiredis": ["src/redis/redis.c"],
    "sodium": ["src/auth/hmac.c", "src/base/vault.c"],
    "openssl": ["src/auth/hmac.c"],
    "uthash": ["src/base/hash.h"],
    "jansson": [f"{layer}/*.c" for layer in ("src/rules", "src/livekit", "src/calllog", "src/bridge", "src/ops",
                                             "src/cli", "src/sim")],
}

BANNED = {
    "sprintf": "snprintf or buf_addf", "vsprintf": "vsnprintf", "strcpy": "a slice or xstrdup",
    "strcat": "a buf", "strncpy": "a slice or xmemdup", "strncat": "a buf", "strtok": "slices",
    "gets": "getline", "atoi": "text_int64", "atol": "text_int64", "atoll": "text_int64", "system": "posix_spawn",
    "popen": "posix_spawn", "alloca": "xmalloc", "rand": "getrandom", "srand": "getrandom",
    "signal": "loop/signals.h", "sleep": "a timer", "usleep": "a timer",
}
ALLOCATORS = {name: "x" + name + " of base/mem.h" for name in ("malloc", "calloc", "realloc", "strdup", "strndup",
                                                              "asprintf", "vasprintf")}
ALLOCATOR_FILE = "src/base/mem.c"


def blank(match):
    """Keeps the length and the line breaks of what is blanked out."""
    return re.sub(r"[^\n]", " ", match.group(0))


class Source:
    """One file: its text, and its code with comments and the inside of literals blanked out."""
    TOKENS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def __init__(self, root, path):
        self.path = path
        self.text = (root / path).read_text(encoding="utf-8", errors="replace")

    @functools.cached_property
    def code(self):
        return self.TOKENS.sub(blank, self.text)

    @functools.cached_property
    def without_comments(self):
        return self.TOKENS.sub(lambda m: blank(m) if m.group(0)[0] == "/" else m.group(0), self.text)

    @functools.cached_property
    def includes(self):
        """[(line, "name", is_quoted)]"""
        found = []
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', self.without_comments, re.M):
            found.append((self.line_of(match.start()), match.group(2), match.group(1) == '"'))
        return found

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1


class Tree:
    def __init__(self, root):
        self.root = Path(root)
        self.layers = self.read_layers()
        self.names = self.list_files()
        self.files = [Source(self.root, name) for name in self.names if self.is_text(name)]
        self.sources = [s for s in self.files if s.path.endswith((".c", ".h"))]
        self.production = [s for s in self.sources if s.path.startswith(tuple(d + "/" for d in PRODUCTION))]

    def list_files(self):
        """What git knows or would add; outside git every file."""
        run = subprocess.run(["git", "-c", f"safe.directory={self.root.resolve()}", "-C", str(self.root), "ls-files",
                              "-z", "--cached", "--others", "--exclude-standard"], capture_output=True)
        if run.returncode == 0:
            names = [n for n in run.stdout.decode().split("\0") if n]
        else:
            names = [str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()]
        return sorted({n for n in names if (self.root / n).is_file()})

    def is_text(self, name):
        with open(self.root / name, "rb") as file:
            return b"\0" not in file.read(4096)

    def read_layers(self):
        """{layer: (directory, [linked layers])} from the layer() lines."""
        layers = {}
        lists = self.root / "CMakeLists.txt"
        text = re.sub(r"#[^\n]*", "", lists.read_text()) if lists.exists() else ""
        for body in re.findall(r"^\s*layer\(([^)]*)\)", text, re.M):
            words = body.split()
            links = []
            if "LINKS" in words:
                for word in words[words.index("LINKS") + 1:]:
                    if word == "LIBS":
                        break
                    links.append(word)
            layers[words[0]] = (words[1], links)
        return layers

    def layer_of(self, path):
        return next((name for name, (where, _) in self.layers.items() if path.startswith(where + "/")), None)

    def reachable(self, layer):
        """LAYER and all it links, directly or not."""
        seen, todo = set(), [layer]
        while todo:
            name = todo.pop()
            if name not in seen and name in self.layers:
                seen.add(name)
                todo += self.layers[name][1]
        return seen

    def resolve(self, include):
        """The file that #include "layer/…" means, or None."""
        layer, _, rest = include.partition("/")
        if layer not in self.layers:
            return None
        path = f"{self.layers[layer][0]}/{rest}"
        return path if (self.root / path).is_file() else None


def find_cycle(graph):
    """A list of nodes that ends where it begins, or None."""
    state, stack = {}, []

    def visit(node):
        state[node] = "open"
        stack.append(node)
        for following in sorted(graph.get(node, ())):
            if state.get(following) == "open":
                return stack[stack.index(following):] + [following]
            if following not in state:
                cycle = visit(following)
                if cycle:
                    return cycle
        stack.pop()
        state[node] = "done"
        return None

    for start in sorted(graph):
        if start not in state:
            cycle = visit(start)
            if cycle:
                return cycle
    return None


def rule_include_cycle(tree):
    graph = {s.path: {tree.resolve(name) for _, name, quoted in s.includes if quoted} - {None} for s in tree.production}
    cycle = find_cycle(graph)
    if cycle:
        yield Problem(cycle[0], 1, "include-cycle", " -> ".join(cycle))


def rule_layer_cycle(tree):
    cycle = find_cycle({name: links for name, (_, links) in tree.layers.items()})
    if cycle:
        yield Problem("CMakeLists.txt", 1, "layer-cycle", "layers link in a circle: " + " -> ".join(cycle))


def rule_layer_links(tree):
    for source in tree.production:
        layer = tree.layer_of(source.path)
        if layer is None:
            continue
        allowed = tree.reachable(layer)
        for line, name, quoted in source.includes:
            used = name.partition("/")[0]
            if quoted and used in tree.layers and used not in allowed:
                yield Problem(source.path, line, "layer-links", f'layer {layer} does not link {used}: "{name}"')


def rule_include_dots(tree):
    for source in tree.sources:
        for line, name, _ in source.includes:
            if ".." in name.split("/"):
                yield Problem(source.path, line, "include-dots", f'".." in an include: {name}; say "layer/file.h"')


def rule_outside_library(tree):
    for source in tree.production:
        for line, name, _ in source.includes:
            for prefix, allowed in OUTSIDE.items():
                if not re.match(re.escape(prefix) + r"(?![a-z])", name):
                    continue
                if not any(fnmatch.fnmatch(source.path, pattern) for pattern in allowed):
                    yield Problem(source.path, line, "outside-library",
                                  f"{name} belongs in {' '.join(allowed)} only")


def calls_of(source, names):
    pattern = r"(?<![\w.>])(" + "|".join(names) + r")\s*\("
    return re.finditer(pattern, source.code)


def rule_banned_function(tree):
    for source in tree.production:
        table = dict(BANNED)
        if source.path != ALLOCATOR_FILE:
            table.update(ALLOCATORS)
        for match in calls_of(source, table):
            name = match.group(1)
            yield Problem(source.path, source.line_of(match.start()), "banned-function",
                          f"{name}() is banned here: use {table[name]}")


def functions_of(source):
    """[(name, first line, last line)] of function definitions, first to last line of text."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, source.code, flags=re.M)
    depth, start, found, head = 0, 0, [], 0
    for offset in (m.start() for m in re.finditer(r"[{};]", code)):
        char = code[offset]
        if char == "{":
            if depth == 0:
                start = offset
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                name = re.search(r"(\w+)\s*\((?:[^()]|\([^()]*\))*\)\s*$", code[head:start])
                if name and "=" not in code[head:start]:
                    first = head + len(code[head:start]) - len(code[head:start].lstrip())
                    found.append((name.group(1), source.line_of(first), source.line_of(offset)))
        if depth == 0:
            head = offset + 1
    return found


def rule_long_function(tree):
    for source in tree.production:
        for name, first, last in functions_of(source):
            lines = last - first + 1
            if lines > MAX_FUNCTION_LINES:
                yield Problem(source.path, first, "long-function",
                              f"{name}() has {lines} lines, at most {MAX_FUNCTION_LINES}")


def rule_long_file(tree):
    for source in tree.production:
        lines = source.text.count("\n")
        if lines > MAX_FILE_LINES:
            yield Problem(source.path, 1, "long-file", f"{lines} lines, at most {MAX_FILE_LINES}")


def include_name(tree, path):
    layer = tree.layer_of(path)
    return f"{layer}/{path[len(tree.layers[layer][0]) + 1:]}" if layer else path


def rule_include_guard(tree):
    for source in tree.production:
        if not source.path.endswith(".h"):
            continue
        guard = re.sub(r"\W", "_", include_name(tree, source.path)).upper()
        directives = re.findall(r"^[ \t]*#[ \t]*(\w+)[ \t]*(\w*)", source.without_comments, re.M)
        if directives[:2] != [("ifndef", guard), ("define", guard)] or directives[-1][0] != "endif":
            yield Problem(source.path, 1, "include-guard", f"the first directives must be #ifndef and #define {guard}")


def rule_opening_paragraph(tree):
    for source in tree.production:
        if not source.text.startswith("/*"):
            yield Problem(source.path, 1, "opening-paragraph", "a file opens with a comment that says what it is")


def compile_alone(tree, source, roots):
    layer = tree.layer_of(source.path)
    seen = tree.reachable(layer) if layer else set(tree.layers)
    command = ["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c"]
    command += [f"-I{roots}/{name}" for name in sorted(seen)]
    run = subprocess.run(command + ["-"], input=f'#include "{include_name(tree, source.path)}"\n',
                         capture_output=True, text=True)
    if run.returncode == 0:
        return None
    error = next((line for line in run.stderr.splitlines() if "error:" in line), run.stderr.strip()[:200])
    return Problem(source.path, 1, "header-alone", "does not compile alone: " + error.partition("error:")[2].strip())


def rule_header_alone(tree):
    headers = [s for s in tree.production if s.path.endswith(".h") and tree.layer_of(s.path)]
    with tempfile.TemporaryDirectory() as roots:
        for name, (where, _) in tree.layers.items():
            os.makedirs(f"{roots}/{name}")
            os.symlink((tree.root / where).resolve(), f"{roots}/{name}/{name}")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            yield from filter(None, pool.map(lambda source: compile_alone(tree, source, roots), headers))


# Written in pieces so that this file does not match itself.
MACHINE_PATH = re.compile(r"(?<![\w.~}])/(?:" + "|".join(["wor" + "k/", "hom" + "e/[a-z]", "roo" + "t/", "User" + "s/"]) + ")")
UNFINISHED = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")


def matches_of(tree, pattern):
    for source in tree.files:
        if source.path.startswith("tests/fixtures/"):
            continue
        for match in pattern.finditer(source.text):
            yield source, source.line_of(match.start()), match.group(0)


def rule_machine_path(tree):
    for source, line, what in matches_of(tree, MACHINE_PATH):
        yield Problem(source.path, line, "machine-path", f"a path of somebody's machine: {what}")


def rule_unfinished(tree):
    for source, line, what in matches_of(tree, UNFINISHED):
        yield Problem(source.path, line, "unfinished", f"unfinished by its own word: {what}")


def rule_link(tree):
    names = set(tree.names)
    for source in tree.files:
        if source.path.endswith(".md"):
            for line, why in links.broken(tree.root, names, source.path, source.text):
                yield Problem(source.path, line, "link", why)


def layer_diagram(tree):
    """The layers and what they link (Mermaid). What a link already brings is not drawn again."""
    lines = ["```mermaid", "flowchart TB"]
    for name, (where, _) in tree.layers.items():
        lines.append(f"    {name}[{where}]")
    for name, (_, linked) in tree.layers.items():
        brought = {more for link in linked if link in tree.layers for more in tree.reachable(link) - {link}}
        lines += [f"    {name} --> {link}" for link in linked if link in tree.layers and link not in brought]
    return "\n".join([*lines, "```", ""])


def rule_layer_diagram(tree):
    document = next((source for source in tree.files if source.path == "doc/architecture.md"), None)
    if document is None:
        return
    found = re.search(r"<!-- layers -->\n(.*?)<!-- /layers -->", document.text, re.S)
    if found is None or found.group(1) != layer_diagram(tree):
        line = document.line_of(found.start()) if found else 1
        yield Problem(document.path, line, "layer-diagram", "the graph of layers is not that of CMakeLists.txt: run doc/update.sh")
    for where, _ in tree.layers.values():
        if f"| `{where}` |" not in document.text:
            yield Problem(document.path, 1, "layer-diagram", f"the table of layers has no row for `{where}`")


def rule_log_message(tree):
    for source, offset, what in messages.check([s for s in tree.production if s.path.endswith(".c")]):
        yield Problem(source.path, source.line_of(offset), "log-message", what)


RULES = [rule_include_cycle, rule_layer_cycle, rule_layer_links, rule_include_dots, rule_outside_library,
         rule_banned_function, rule_long_function, rule_long_file, rule_include_guard, rule_opening_paragraph,
         rule_header_alone, rule_log_message, rule_machine_path, rule_unfinished, rule_link, rule_layer_diagram]


def lint(root):
    tree = Tree(root)
    return tree, sorted(problem for rule in RULES for problem in rule(tree))


def main(argv):
    root = Path(__file__).resolve().parents[2]
    if argv[1:] == ["--layers"]:
        print(layer_diagram(Tree(root)), end="")
        return 0
    root = argv[1] if len(argv) > 1 else root
    tree, problems = lint(root)
    for problem in problems:
        print(f"{problem.path}:{problem.line}: {problem.rule}: {problem.text}")
    functions = [last - first + 1 for s in tree.production for _, first, last in functions_of(s)] or [0]
    functions.sort()
    print(f"lint: {len(tree.files)} files, {len(functions)} functions (median {functions[len(functions) // 2]}, "
          f"longest {functions[-1]} lines), {len(RULES)} rules, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
