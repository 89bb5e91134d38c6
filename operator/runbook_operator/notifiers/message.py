"""The message about an incident, independent of the channel that delivers it.

Every field is bounded and cleaned when the message is made, so that each channel can fit any message into its limit.
Text is on one line and has no control characters; a command or a link is whole or left out, never cut.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import BeforeValidator, Field

from runbook_operator.core import url_policy
from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.severities import Severity

MessageKind = Literal["opened", "escalated", "acknowledged", "resolved", "test", "notice"]
TITLE, SENTENCE, SHORT, COMMAND, URL = 200, 300, 60, 500, 400
LINES, LINKS = 10, 5
REMOVED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode categories that a text loses: control, format (such as a change of direction), surrogates, no characters."""
JOINER = "\u200d"
"""The one format character that stays: emoji of several characters are joined by it."""
IN_URL = "%:/?&=+,;@!$'*~"
"""Characters that stay in the path, the query and the fragment. Brackets do not: they would end a link of Markdown."""
_PARTS = re.compile(r"(https?://[^/?#]*)([^#]*)(?:#(.*))?", re.IGNORECASE | re.DOTALL)


def cut(text: str, most: int) -> str:
    """Return the text with at most that many characters; the last one of a shortened text is an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def one_line(text: str) -> str:
    """Return the text on one line: white space becomes a space, control and format characters disappear."""
    spaced = "".join(" " if one.isspace() else one for one in text)
    kept = "".join(one for one in spaced if one == JOINER or unicodedata.category(one) not in REMOVED)
    return " ".join(kept.split(" ")).strip()


def _line(most: int) -> Callable[[Any], Any]:
    return lambda value: cut(one_line(value), most) if isinstance(value, str) else value


def _command(value: Any) -> Any:
    """Return the command, or "" if it is too long or has characters that a terminal does not show."""
    if not isinstance(value, str):
        return value
    return value if value == one_line(value) and len(html.escape(value, quote=False).encode()) <= COMMAND else ""


def address(text: str) -> str:
    """Return an http or https URL in its canonical spelling, or "" if it is none, or longer than a channel takes."""
    if not (parts := _PARTS.fullmatch(text.strip())):
        return ""
    try:
        found = str(url_policy.parse(f"{parts[1]}{quote(parts[2], safe=IN_URL)}"))
        found += f"#{quote(parts[3], safe=IN_URL)}" if parts[3] else ""
    except (url_policy.UrlError, UnicodeError):
        return ""
    return found if len(html.escape(found, quote=False)) <= URL else ""


Line = Annotated[str, BeforeValidator(_line(SENTENCE))]
Short = Annotated[str, BeforeValidator(_line(SHORT))]
Heading = Annotated[str, BeforeValidator(_line(TITLE))]
Command = Annotated[str, BeforeValidator(_command)]
Name = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
"""The name of an object: never cut, since a channel may identify the incident by it."""


class Link(ApiModel):
    """A link, and the text that is shown for it."""

    text: Short
    url: str


class Problem(ApiModel):
    """The reading that is bad: `error-rate`, `12 %`, `> 5 %`, and since when."""

    name: Heading
    value: Short = ""
    threshold: Short = ""
    since: datetime | None = None

    def sentence(self) -> str:
        value = f" is {self.value}" if self.value else ""
        threshold = f" (threshold {self.threshold})" if self.threshold else ""
        return f"{self.name}{value}{threshold}{f' since {shown_time(self.since)}' if self.since else ''}"


class FirstAction(ApiModel):
    """The first thing to do, and the command that does it."""

    text: Heading
    command: Command = ""


def _links(found: Iterable[Any]) -> tuple[Link, ...]:
    """Return the first links with a usable URL; the text of a link without one is its URL."""
    links = [one if isinstance(one, Link) else Link.model_validate(one) for one in found]
    usable = [(one.text or one.url, url) for one in links if (url := address(one.url))]
    return tuple(Link(text=text, url=url) for text, url in usable[:LINKS])


def _lines(found: Iterable[str]) -> tuple[str, ...]:
    """Return the first lines; the last one counts the rest."""
    lines = [line for line in map(_line(SENTENCE), found) if line]
    more = len(lines) - LINES
    return (*lines[: LINES - 1], f"{more + 1} more") if more > 0 else tuple(lines)


Links = Annotated[tuple[Link, ...], BeforeValidator(_links)]
Lines = Annotated[tuple[Line, ...], BeforeValidator(_lines)]


class Message(ApiModel):
    """One message. `id` is the same however often it is sent; `dedup_key` is the same for one cycle of an incident."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$")]
    dedup_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$")]
    kind: MessageKind
    at: datetime
    severity: Severity
    namespace: Name
    runbook: Name
    incident: Name | Literal[""] = ""
    title: Heading
    problem: Problem | None = None
    likely_cause: Line = ""
    first_action: FirstAction | None = None
    links: Links = ()
    acknowledge: Command = Field("", description="The command by which the reader acknowledges the incident.")
    next_contact: Line = Field("", description="Who is notified next, and when.")
    diagnosis: Lines = ()
    changes: Lines = ()
    recipient: str = Field(
        "", max_length=320, description="The contact's `to`: an address where a channel has several."
    )

    @property
    def headline(self) -> str:
        """The severity, the state unless it is the usual one, and the title."""
        state = "" if self.kind in ("opened", "notice") else f" {self.kind}"
        return f"{self.severity}{state}: {self.title}"

    @property
    def summary(self) -> str:
        """The headline and the problem in one line."""
        return f"{self.headline}: {self.problem.sentence()}" if self.problem else self.headline

    @property
    def subject(self) -> str:
        """A line that stays the same for all messages about one incident, as mail programs need it for a thread."""
        return f"{self.severity} {self.namespace}/{self.runbook}: {self.title}"


def shown_time(at: datetime) -> str:
    """Return the time in UTC, in a form for people."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
