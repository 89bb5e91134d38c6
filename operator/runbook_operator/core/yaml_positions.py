"""Find the positions of the values in a YAML or JSON text that a dotted path can mean, in one pass.

A key may contain dots, as in Spring's files, so one dotted path can mean several places: `a.b` is the key b in the map
a, and also the key "a.b". An outline has all of them.

The parsers are written in C. Large documents are refused, since no other thread runs while C code parses JSON.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import yaml

Keys = tuple[str, ...]
Span = tuple[int, int]
LARGEST_YAML = 64 * 1024
"""Maximum number of characters. libyaml takes 5 ms for them, 20 on a slow machine, 40 if every other is a comma."""
MOST_VALUES = 64 * 1024
"""Maximum number of commas and opening brackets. A JSON document with fewer may fill the 1 MiB of a ConfigMap.

Values cost more than characters: 1 MiB takes 10 ms with as many values as flagd's files have, and 170 ms full of `[`.
"""
DECODER = json.JSONDecoder()
NO_DOCUMENT = "the text is not a YAML or JSON document"
SEVERAL = "the text has several YAML documents (---), and only one is allowed; give each a key of its own"
BOM = "\ufeff"
BLANK = re.compile(r"[ \t\r\n]*")


class UnreadableError(ValueError):
    """The text has no outline, for the reason in `problem`, which quotes nothing of the text, as it may be secret."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class TooLargeError(UnreadableError):
    """The text is too large to be parsed while other switches wait."""


@dataclass
class Outline:
    """The nodes of a text that a dotted path can mean, and the parents of these nodes, by their keys."""

    is_json: bool = False
    counts: Counter[Keys] = field(default_factory=Counter)
    """The number of times that each node occurs."""
    bound: set[Keys] = field(default_factory=set)
    """Nodes with an anchor, an alias or a tag: their value may depend on other text, or other values on theirs."""
    maps: set[Keys] = field(default_factory=set)
    spans: dict[Keys, Span] = field(default_factory=dict)
    """The position of each single value at the end of the path: its first character, and the one after its last."""
    is_bare: bool = False
    """True if the text is a single value or a list instead of a map."""

    def note(self, keys: Keys, *, bound: bool) -> None:
        """Add a node."""
        self.counts[keys] += 1
        if bound:
            self.bound.add(keys)

    def moved(self, end: int, by: int) -> "Outline":
        """Return the outline after an edit that made the value ending at `end` longer by `by` characters."""
        spans = {keys: (a + by * (a >= end), b + by * (b >= end)) for keys, (a, b) in self.spans.items()}
        return replace(self, spans=spans)


def read(text: str, path: str) -> Outline:
    """Return the outline of the text for this dotted path; raise UnreadableError if it is not exactly one document."""
    if _values(text) > MOST_VALUES:
        raise TooLargeError(
            f"the document has {_values(text):,} commas and brackets; one with more than {MOST_VALUES:,} is "
            "not parsed, since parsing it would delay all other switches; split it"
        )
    if is_json(text):
        return _of_json(text, path)
    if len(text) > LARGEST_YAML:
        size, most = _kilobytes(len(text)), _kilobytes(LARGEST_YAML)
        raise TooLargeError(
            f"the document has {size} KB; YAML of more than {most} KB is not parsed, since parsing it would "
            "delay all other switches; split it, or write it as JSON, which may be as large as a ConfigMap"
        )
    return _of_yaml(text, path)


def _values(text: str) -> int:
    """Return an upper bound of the number of values."""
    return sum(map(text.count, ",[{"))


@lru_cache(maxsize=8)
def is_json(text: str) -> bool:
    """True if the text is a JSON object or array, and not just YAML in braces."""
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _kilobytes(size: int) -> int:
    return size // 1024


def _further(rest: str, key: str) -> str | None:
    """Return the rest of the path after this key; empty if the path ends with it, None if it does not begin with it."""
    if rest == key:
        return ""
    return rest[len(key) + 1 :] if rest.startswith(f"{key}.") else None


def _of_json(text: str, path: str) -> Outline:
    found, begin = Outline(is_json=True), _after_blank(text, 0)
    found.is_bare = text[begin] != "{"
    nodes: list[tuple[Keys, str, Span]] = [((), path, (begin, len(text)))]
    while nodes:
        keys, rest, (start, end) = nodes.pop()
        found.note(keys, bound=False)
        if not rest and text[start] not in "{[":
            found.spans[keys] = (start, end)
        elif rest and text[start] == "{":
            found.maps.add(keys)
            below = ((name, _further(rest, name), span) for name, span in _members(text, start))
            nodes += [((*keys, name), left, span) for name, left, span in below if left is not None]
    return found


def _members(text: str, start: int) -> Iterator[tuple[str, Span]]:
    """Yield the keys of the JSON object that begins there, and the positions of their values."""
    at = _after_blank(text, start + 1)
    while text[at] != "}":
        name, at = DECODER.raw_decode(text, at)
        at = _after_blank(text, _after_blank(text, at) + 1)
        _, end = DECODER.raw_decode(text, at)
        yield name, (at, end)
        at = _after_blank(text, end)
        at = _after_blank(text, at + 1) if text[at] == "," else at


def _after_blank(text: str, at: int) -> int:
    blank = BLANK.match(text, at)
    return blank.end() if blank else at


def _of_yaml(text: str, path: str) -> Outline:
    try:
        return _Yaml(text).outline(path)
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, UnreadableError):
            raise
        # PyYAML's own messages quote the text.
        raise UnreadableError(_complaint(error)) from None


def _complaint(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f" in line {_line(mark)}" if mark else ""
    return f"{NO_DOCUMENT}: {getattr(error, 'problem', None) or type(error).__name__}{line}"


def _line(mark: Any) -> int:
    return int(mark.line) + 1


class _Yaml:
    """Read the events of libyaml once, and keep only the nodes that the path can mean."""

    def __init__(self, text: str) -> None:
        # libyaml does not count a byte order mark at the beginning.
        self.offset = int(text.startswith(BOM))
        self.events: Iterator[Any] = iter(yaml.parse(text.removeprefix(BOM), Loader=yaml.CBaseLoader))
        self.found = Outline()
        self.anchors: set[str] = set()

    def outline(self, path: str) -> Outline:
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
            elif isinstance(event, yaml.NodeEvent):
                self.found.is_bare = not (isinstance(event, yaml.MappingStartEvent) or _is_nothing(event))
                self._node(event, (), path)
            if documents > 1:
                raise UnreadableError(SEVERAL)
        return self.found

    def _node(self, event: Any, keys: Keys, rest: str) -> None:
        is_bound = event.anchor is not None or getattr(event, "tag", None) is not None
        self.found.note(keys, bound=is_bound)
        if rest and isinstance(event, yaml.MappingStartEvent):
            self.found.maps.add(keys)
            self._know(event)
            self._members(keys, rest)
            return
        if not rest and _is_scalar(event):
            self.found.spans[keys] = (self.offset + event.start_mark.index, self.offset + event.end_mark.index)
        self._skip(event)

    def _members(self, keys: Keys, rest: str) -> None:
        for key in self.events:
            if isinstance(key, yaml.MappingEndEvent):
                return
            self._skip(key)
            value = next(self.events)
            left = _further(rest, key.value) if isinstance(key, yaml.ScalarEvent) else None
            if left is None:
                self._skip(value)
            else:
                self._node(value, (*keys, key.value), left)

    def _skip(self, event: Any) -> None:
        """Skip the rest of the node that begins with this event."""
        depth = self._know(event)
        while depth:
            depth += self._know(next(self.events))

    def _know(self, event: Any) -> int:
        """Record an anchor, refuse an undefined alias; 1 if a collection begins, -1 if one ends, else 0."""
        if isinstance(event, yaml.CollectionEndEvent):
            return -1
        if isinstance(event, yaml.AliasEvent) and event.anchor not in self.anchors:
            raise UnreadableError(f"{NO_DOCUMENT}: undefined alias in line {_line(event.start_mark)}")
        if event.anchor is not None:
            self.anchors.add(event.anchor)
        return 1 if isinstance(event, yaml.CollectionStartEvent) else 0


def _is_scalar(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent)


def _is_nothing(event: Any) -> bool:
    return _is_scalar(event) and event.value in ("", "~", "null")
