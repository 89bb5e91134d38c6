"""The sections of a message in the order of their use to the reader, cut to fit a limit.

The headline, the first action, the links and the command to acknowledge always stay. The other sections get the room
that is left, in their order.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from runbook_operator.notifiers.message import Link, Message, cut

SMALLEST = 24
"""A line that is cut shorter than this is not worth showing."""


@dataclass(frozen=True)
class Section:
    """A label, and below it lines, a command that is never cut, or links. `kept` ones are never cut."""

    label: str
    lines: tuple[str, ...] = ()
    command: str = ""
    links: tuple[Link, ...] = ()
    kept: bool = False


Cost = Callable[[Section], int]


def sections(message: Message) -> tuple[Section, ...]:
    """Return the sections below the headline that have content."""
    return tuple(one for one in _all(message) if one.lines or one.command or one.links)


def _all(message: Message) -> Iterator[Section]:
    action, problem = message.first_action, message.problem
    yield Section("", _line(problem.sentence() if problem else ""))
    yield Section("Likely cause", _line(message.likely_cause))
    if action:
        yield Section("First action", _line(action.text), action.command, kept=True)
    yield Section("Links", links=message.links, kept=True)
    yield Section("Acknowledge", command=message.acknowledge, kept=True)
    yield Section("Next contact", _line(message.next_contact))
    yield Section("Diagnosis", message.diagnosis)
    yield Section("Changes", message.changes)
    where = f"{message.namespace}/{message.runbook}"
    yield Section("Runbook", (f"{where}, incident {message.incident}" if message.incident else where,))


def _line(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def fit(found: Sequence[Section], cost: Cost, budget: int) -> tuple[Section, ...]:
    """Return the sections, shortened so that the sum of their costs is at most the budget."""
    left = budget - sum(cost(one) for one in found if one.kept)
    fitted = []
    for one in found:
        section = one if one.kept else shortened(one, cost, left)
        if section:
            fitted.append(section)
            left -= 0 if one.kept else cost(section)
    return tuple(fitted)


def shortened(section: Section, cost: Cost, room: int) -> Section | None:
    """Return the section with as many of its lines as fit, or with a cut first line; None if there is no room."""
    if cost(section) <= room:
        return section
    count = len(section.lines)
    for kept in range(count - 1, 0, -1):
        fewer = replace(section, lines=(*section.lines[:kept], f"{count - kept} more"))
        if cost(fewer) <= room:
            return fewer
    first = section.lines[0]
    lengths = range(SMALLEST, len(first))
    fits = bisect_right(lengths, room, key=lambda most: cost(replace(section, lines=(cut(first, most),))))
    return replace(section, lines=(cut(first, lengths[fits - 1]),)) if fits else None
