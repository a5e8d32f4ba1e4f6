"""What the tests read in a Markdown document: headings and their anchors, links, blocks of code, and code in the text.

Only what is written in this repository is understood: ATX headings, fences of ``` and blocks indented by four blanks,
inline links, tables."""
import re
import textwrap
from collections import namedtuple

Block = namedtuple("Block", "line language text")   # language: of the fence, "" if it has none; None of an indented block
Code = namedtuple("Code", "line text")
Link = namedtuple("Link", "line target is_image")

FENCE = re.compile(r"^ {0,3}(`{3,})\s*([\w+-]*)")
HEADING = re.compile(r"^(#{1,6}) +(.*?)(?: +#+)?$")
INLINE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(\s*<?([^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)*)>?(?:\s+\"[^\"]*\")?\s*\)")
ANCHOR = re.compile(r"<a\s+(?:id|name)=\"([^\"]+)\"")


def blank(match):
    """Keeps the length and the line breaks of what is blanked out."""
    return re.sub(r"[^\n]", " ", match.group(0))


class Document:
    def __init__(self, text):
        self.text = text
        self.blocks, self.prose = [], []   # prose: the lines, those of blocks empty
        self.split(text.split("\n"))
        self.body = re.sub(r"<!--.*?-->", blank, "\n".join(self.prose), flags=re.S)

    def split(self, lines):
        at, before = 0, ""
        while at < len(lines):
            end, language = self.end_of_block(lines, at, before)
            if end is None:
                self.prose.append(lines[at])
                before = lines[at]
                at += 1
                continue
            is_fence = language is not None
            inner = "\n".join(lines[at + 1:end - 1] if is_fence else lines[at:end])
            text = inner if is_fence else textwrap.dedent(inner)  # in a list it is indented further
            self.blocks.append(Block(at + (2 if is_fence else 1), language, text.rstrip("\n")))
            self.prose += [""] * (end - at)
            at, before = end, ""

    @staticmethod
    def end_of_block(lines, at, before):
        """(the line after the block that begins AT, its language or None if it is indented), or (None, None)."""
        fence = FENCE.match(lines[at])
        if fence:
            end = at + 1
            while end < len(lines) and not re.match(r"^ {0,3}" + fence.group(1) + r"`*\s*$", lines[end]):
                end += 1
            return min(end + 1, len(lines)), fence.group(2)
        if lines[at].startswith("    ") and not before.strip():
            end = at
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            while not lines[end - 1].strip():
                end -= 1
            return end, None
        return None, None

    def line_of(self, offset):
        return self.body.count("\n", 0, offset) + 1

    def codes(self):
        """Every `code` of the text. In a table \\| is a bar."""
        for match in INLINE.finditer(self.body):
            yield Code(self.line_of(match.start()), re.sub(r"\s*\n\s*", " ", match.group(2).strip()).replace("\\|", "|"))

    def links(self):
        text = INLINE.sub(lambda match: blank(match) if "](" in match.group(2) else match.group(0), self.body)
        for match in LINK.finditer(text):
            yield Link(self.line_of(match.start()), match.group(3), bool(match.group(1)))
            for inner in LINK.finditer(match.group(2)):
                yield Link(self.line_of(match.start()), inner.group(3), bool(inner.group(1)))

    def anchors(self):
        """As GitHub makes them of headings, and those that are given by name."""
        found, count = set(ANCHOR.findall(self.text)), {}
        for line in self.prose:
            match = HEADING.match(line)
            if match:
                words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", match.group(2))
                slug = re.sub(r"[^\w\- ]", "", words.lower()).strip().replace(" ", "-")
                nth = count[slug] = count.get(slug, -1) + 1
                found.add(f"{slug}-{nth}" if nth else slug)
        return found
