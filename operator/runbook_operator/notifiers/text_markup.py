"""A channel's text format: bold text, code and links, and how a plain text stays uninterpreted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runbook_operator.notifiers.message import Link, cut
from runbook_operator.notifiers.message_sections import Section


@dataclass(frozen=True)
class Markup:
    """`escape` returns a text that the channel shows as it is; `can_code` is False for a command that `code` breaks."""

    escape: Callable[[str], str]
    strong: Callable[[str], str]
    code: Callable[[str], str]
    link: Callable[[str, str], str]
    can_code: Callable[[str], bool] = lambda command: "`" not in command

    def command(self, command: str) -> str:
        return self.code(command) if self.can_code(command) else self.escape(command)

    def render(self, section: Section) -> str:
        """Return the section as text: a label and a single line share a line, everything else is a line each."""
        below = [self.command(section.command)] if section.command else []
        below += [self._link(one) for one in section.links]
        label = self.strong(f"{section.label}:") if section.label else ""
        if len(section.lines) == 1:
            return "\n".join([f"{label} {self.escape(section.lines[0])}".strip(), *below])
        lines = [f"• {self.escape(line)}" for line in section.lines]
        return "\n".join(filter(None, [label, *lines, *below]))

    def _link(self, link: Link) -> str:
        return self.link(self.escape(link.text), link.url)


PLAIN = Markup(
    escape=lambda text: text,
    strong=lambda label: label,
    code=lambda command: f"  {command}",
    link=lambda text, url: f"  {text}: {url}",
    can_code=lambda _command: True,
)
"""Text without any format."""


def width(text: str) -> int:
    """Return the length as JavaScript counts it, which is never less than the number of characters."""
    return len(text.encode("utf-16-le")) // 2


def within(text: str, most: int, shown: Callable[[str], str]) -> str:
    """Return the text as shown, cut to the longest beginning whose shown form has at most that width."""
    lengths = range(len(text), 0, -1)
    return next(found for length in lengths if width(found := shown(cut(text, length))) <= most)


def packed(texts: Sequence[str], most: int) -> list[str]:
    """Join the texts by empty lines into as few texts as possible of at most `most` width each."""
    joined: list[str] = []
    for text in texts:
        if joined and width(f"{joined[-1]}\n\n{text}") <= most:
            joined[-1] = f"{joined[-1]}\n\n{text}"
        else:
            joined.append(text)
    return joined
