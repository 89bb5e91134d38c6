"""Wraps the prose of pages at 100 characters. Tables, code blocks and headings keep their lines."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 100
ITEM = re.compile(r"^(\s*)((?:[-*]|\d+\.)\s+)?(.*)$")
KEPT_WHOLE = re.compile(r"`[^`\n]+`")
"""Inline code, which is copied from the page: a line break would become a space in it."""


def pages() -> list[Path]:
    """The pages whose prose is wrapped: all but the list of decisions, whose titles are links."""
    top = (ROOT / name for name in ("README.md", "ROADMAP.md", "CHANGELOG.md"))
    docs = (page for page in (ROOT / "docs").rglob("*.md") if page.parts[-2:] != ("decisions", "README.md"))
    return [*top, *sorted(docs)]


def wrapped(text: str) -> str:
    """Return the page with its prose wrapped; a paragraph without a long line stays as it is."""
    return "".join(f"{line}\n" for block in _blocks(text.splitlines()) for line in _filled(block))


def too_long(text: str) -> list[str]:
    """Return the lines of prose that are longer than WIDTH and could be shorter."""
    lines = (line for block in _blocks(text.splitlines()) if _is_prose(block) for line in block)
    return [line for line in lines if len(line) > WIDTH and _filled([line]) != [line]]


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Yield paragraphs and list items, and every other line alone."""
    block: list[str] = []
    in_code = False
    for line in lines:
        is_fence = line.lstrip().startswith("```")
        starts = in_code or is_fence or not _is_prose([line]) or ITEM.fullmatch(line)[2] is not None  # type: ignore[index] # it matches every line
        if starts and block:
            yield block
            block = []
        in_code ^= is_fence
        if in_code or is_fence or not _is_prose([line]):
            yield [f"{line}\0"] if in_code or is_fence else [line]
        else:
            block.append(line)
    if block:
        yield block


def _is_prose(block: list[str]) -> bool:
    first = block[0].lstrip()
    return bool(first) and not first.startswith(("|", "#", "<")) and not block[0].endswith("\0")


def _words(line: str) -> list[str]:
    return KEPT_WHOLE.sub(lambda code: code[0].replace(" ", "\0"), line).split()


def _filled(block: list[str]) -> list[str]:
    if not _is_prose(block) or all(len(line) <= WIDTH for line in block):
        return [line.removesuffix("\0") for line in block]
    found = ITEM.fullmatch(block[0])
    indent, bullet, first = (part or "" for part in found.groups()) if found else ("", "", block[0])
    text = " ".join(_words(" ".join((first, *block[1:]))))
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent + bullet,
        subsequent_indent=indent + " " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\0", " ") for line in lines]


def main() -> None:
    for page in pages():
        page.write_text(wrapped(page.read_text()))


if __name__ == "__main__":
    main()
