"""Markdown in which every text of a tenant shows as it is: no markup, no HTML, no further table cell."""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

MARKS = re.compile(r"[\\`*_\[\]|~#$]")
"""Characters that Markdown may interpret anywhere in a line."""
LINE_MARKS = re.compile(r"([0-9]*)(?=[-+=>.)])")
"""A line that begins so may be a list item, a heading or a quotation; a backslash after the digits makes it a text."""
ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;"})
URL = re.compile(r"https?://[^\s]+")
URL_SAFE = ":/?#@!$&'*+,;=%~"


def plain(text: str) -> str:
    """Return the text on one line, escaped, without characters that are not printable."""
    line = "".join(one for one in " ".join(text.split()) if one.isprintable())
    return MARKS.sub(r"\\\g<0>", line).translate(ENTITIES)


def paragraphs(text: str) -> str:
    """Return the text escaped, with a paragraph for each of its lines."""
    return "\n\n".join(filter(None, map(_line, text.splitlines())))


def bullets(items: Iterable[str], mark: str = "-") -> str:
    """Return a list of these items, escaped."""
    return "\n".join(f"{mark} {_line(item)}" for item in items)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of escaped cells, all rows with as many cells as the head."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell or '-' for cell in line)} |" for line in lines)


def link(title: str, url: str) -> str:
    """Return a link; an address that is not of HTTP stays a text."""
    if URL.fullmatch(url) is None:
        return plain(f"{title}: {url}")
    address = quote(url, safe=URL_SAFE, errors="replace").replace("&", "&amp;")
    return f"[{plain(title)}]({address})"


def _line(text: str) -> str:
    return LINE_MARKS.sub(r"\g<0>\\", plain(text), count=1) if LINE_MARKS.match(plain(text)) else plain(text)
