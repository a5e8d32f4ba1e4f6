"""What is wrong with the links of a Markdown file: every relative one must lead to a file of the tree and, with #…, to a
heading there; others must be https. Nothing is fetched."""
import functools
import posixpath
import re
from urllib.parse import unquote, urlsplit

from markdown import Document

IMAGES = (".png", ".svg", ".jpg", ".gif")
HOST = re.compile(r"^[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?$")


def outside(target):
    """What is wrong with a link that has a scheme, or None."""
    url = urlsplit(target)
    if url.scheme != "https":
        return f"{target}: not https"
    if not HOST.match(url.netloc) or re.search(r"[\s<>\"{}|\\^`]", target):
        return f"{target}: no well-formed address"
    return None


@functools.lru_cache(maxsize=None)
def anchors(path):
    return Document(path.read_text(encoding="utf-8")).anchors()


def inside(root, names, path, link):
    """What is wrong with a relative link of the document PATH, or None. NAMES: the files of the tree."""
    where, _, anchor = unquote(link.target).partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), where)) if where else path
    is_directory = any(name.startswith(target + "/") for name in names) or target == "."
    if target not in names and not is_directory:
        return f"{link.target}: there is no file {target}"
    if link.is_image and not target.endswith(IMAGES):
        return f"{link.target}: no image"
    if anchor and (not target.endswith(".md") or anchor not in anchors(root / target)):
        return f"{link.target}: there is no heading #{anchor} in {target}"
    return None


def broken(root, names, path, text):
    """(line, what is wrong) of each."""
    for link in Document(text).links():
        has_scheme = re.match(r"^(?:[a-z][a-z0-9+.-]*:|//)", link.target, re.I)
        why = outside(link.target) if has_scheme else inside(root, names, path, link)
        if why:
            yield link.line, why
