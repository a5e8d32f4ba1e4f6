"""The log messages of the sources beside the table in src/messages: the same texts at the same levels.

A call's format and the table's text say the same when their pieces between conversions ("%s", "%" PRIu64) and names
("{AGENT}") are equal. lint.py has the rule; test_lint.py its bad samples. seen.py of tests/integration reads the same table
from the built program.
"""
import re

LEVELS = ("error", "warning", "info", "debug")
TABLE = "src/messages/"
# Functions that write a record, and which argument is its level. What log.c says of itself goes through no call.
CALL = re.compile(r"\blog_(error|warning|info|debug|write|and_tell)\s*\(")
OF_ITSELF = ("src/base/log.c", re.compile(r"\bsnprintf\s*\(\s*text\s*,"), "warning")
NOT_CALLS = {"src/base/log.h", "src/base/log.c"}
LITERAL = re.compile(r'"((?:\\.|[^"\\])*)"')
CONVERSION = re.compile(r"%(?:%|[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j|t)?[a-zA-Z])")
NAME = re.compile(r"\{[A-Z_ ]+\}")
ENTRY = re.compile(r"\{\s*LOG_(\w+)\s*,")
HOLE = "\0"


def arguments(text, start):
    """The arguments of the call whose bracket opens before START: [text], split at its own commas."""
    parts, depth, begin, at = [], 1, start, start
    while depth > 0:
        literal = LITERAL.match(text, at)
        if literal:
            at = literal.end()
            continue
        char = text[at]
        depth += (char in "([{") - (char in ")]}")
        if (char == "," and depth == 1) or depth == 0:
            parts.append(text[begin:at])
            begin = at + 1
        at += 1
    return parts


def literal(text):
    """The value of adjacent literals, with "%d" for what a macro stands for between them; None when it begins with none."""
    if not text.lstrip().startswith('"'):
        return None
    value, end = "", 0
    for match in LITERAL.finditer(text):
        between = text[end:match.start()].strip()
        value += "d" if between and value.endswith("%") else ""
        value += bytes(match.group(1), "utf-8").decode("unicode_escape").encode("latin-1").decode("utf-8")
        end = match.end()
    return value


def of_format(text):
    return CONVERSION.sub(lambda match: "%" if match.group(0) == "%%" else HOLE, text).strip()


def of_entry(text):
    return NAME.sub(HOLE, text).strip()


def readable(text):
    return text.replace(HOLE, "…")


def calls(source):
    """[(offset, levels, pieces or None)] of the records that SOURCE writes; levels: those that the call may have."""
    text = source.without_comments
    found = []
    for match in CALL.finditer(text):
        name = match.group(1)
        parts = arguments(text, match.end())
        if source.path in NOT_CALLS or len(parts) < 2 or text[:match.start()].endswith("define "):
            continue
        if name in LEVELS:
            levels, format_at = {name}, 1
        else:
            level = re.search(r"\bLOG_(\w+)", parts[0 if name == "write" else 1])
            levels, format_at = ({level.group(1).lower()} if level else set(LEVELS)), 2
        written = literal(parts[format_at]) if len(parts) > format_at else None
        if written == "%s" or (written is None and re.search(r"\*\s*format\b", parts[-2] if len(parts) > 2 else "")):
            continue  # the function that writes what its callers say, and its own head
        found.append((match.start(), levels, of_format(written) if written is not None else None))
    if source.path == OF_ITSELF[0]:
        for match in OF_ITSELF[1].finditer(text):
            found.append((match.start(), {OF_ITSELF[2]}, of_format(literal(arguments(text, text.index("(", match.start()) + 1)[2]))))
    return found


def entries(source):
    """[(offset, level, text, cause, remedy)] of a file of the table."""
    text = source.without_comments
    found = []
    for match in ENTRY.finditer(text):
        parts = [literal(part) or "" for part in arguments(text, match.end())]
        found.append((match.start(), match.group(1).lower(), *(parts + ["", "", ""])[:3]))
    return found


def check(sources):
    """Yields (source, offset, what is wrong)."""
    table, used = {}, set()
    for source in sources:
        if source.path.startswith(TABLE):
            before = 0
            for offset, level, text, cause, remedy in entries(source):
                key = (level, of_entry(text))
                if key in table:
                    yield source, offset, f"twice in the table: {text}"
                if not cause or (level in ("error", "warning") and not remedy):
                    yield source, offset, f"without {'a remedy' if cause else 'a cause'}: {text}"
                if level not in LEVELS or LEVELS.index(level) < before:
                    yield source, offset, f"errors come first, then warnings, info, debug: {text}"
                before = LEVELS.index(level)
                table[key] = (source, offset, text)
    for source in sources:
        if source.path.startswith(TABLE):
            continue
        for offset, levels, pieces in calls(source):
            fitting = {(level, pieces) for level in levels} & table.keys()
            used |= fitting
            if pieces is None:
                yield source, offset, "a log message whose format is no literal"
            elif not fitting:
                yield source, offset, f"not in the table of {TABLE}: {'/'.join(sorted(levels))}: {readable(pieces)}"
    for key in table.keys() - used:
        source, offset, text = table[key]
        yield source, offset, f"no call writes it at level {key[0]}: {text}"
