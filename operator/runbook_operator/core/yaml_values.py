"""Find and replace one value inside a YAML or JSON text without a change of any other byte.

People write and comment the files of a ConfigMap, so a file is never loaded and dumped again: only the characters of
one scalar are replaced. A value that cannot be replaced alone (anchors, aliases, tags, several documents) is refused.

Parsing takes milliseconds. A decision has a budget for it (see `limited`), and results are cached.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import ClassVar

import yaml

from runbook_operator.core import yaml_positions
from runbook_operator.core.reasons import Reason
from runbook_operator.core.yaml_positions import Keys, Outline, Span

QUOTES = ("'", '"')
JSON_SCALAR = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
ALIKE = [re.compile(one) for one in (r"[A-Za-z0-9_]+", r'"[ !#-\[\]-~]*"', r"'[ -&(-~]*'")]
"""Patterns of YAML values that can replace another of the same pattern: a word, and quoted text without escapes."""
UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
"""Characters that a YAML reader refuses or takes for a line end, and that json.dumps does not escape."""
NO_MAP = "the text is a single value or a list, such as a .properties file, and not a YAML or JSON map: it has no keys"
REMEMBERED = 2048
"""Maximum number of cached outlines, one per text and path, of a few hundred bytes each."""
LONGEST_DESCENT = 8
"""Maximum number of successive edits through which an outline is derived: a switch sets at most eight flags."""
BUDGET = 16 * 1024
"""Maximum number of characters that one decision parses: usually 2 ms, 8 ms if every other one is a comma."""


class FieldError(ValueError):
    """A field that cannot be read or written: its path, and the problem with its place."""

    reason: ClassVar[Reason] = Reason.FIELD_NOT_FOUND

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or 'the whole object'}: {problem}")
        self.path = path
        self.problem = problem


class AbsentError(FieldError):
    """The place is not in the document."""


class TooLargeError(FieldError):
    """The document is too large to be parsed."""

    reason = Reason.DOCUMENT_TOO_LARGE


class NeedsParse(Exception):  # noqa: N818 # as NeedsRead: the decision is made again once `text` is parsed for `path`
    """Parsing a document would exceed the budget of a decision. Only code that then parses the document catches it."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(path)
        self.text, self.path = text, path


@dataclass(frozen=True)
class Origin:
    """The source of an edited text: the digest before the edit, which moved all after `end` by `by` characters."""

    digest: bytes
    end: int
    by: int


@contextmanager
def limited(characters: int = BUDGET) -> Iterator[None]:
    """Limit the characters that are parsed in this context; a document beyond the limit raises NeedsParse."""
    token = _left.set([characters])
    try:
        yield
    finally:
        _left.reset(token)


def parse(text: str, path: str) -> Outline | yaml_positions.UnreadableError:
    """Return the outline of the text for this dotted path, or the error. Any thread may call this function."""
    try:
        return yaml_positions.read(text, path)
    except yaml_positions.UnreadableError as unreadable:
        return unreadable


def remember(text: str, path: str, found: Outline | yaml_positions.UnreadableError) -> None:
    """Cache the result for later decisions about the same text and path."""
    _known[_digest(text), path] = found
    if len(_known) > REMEMBERED:
        del _known[next(iter(_known))]


def find(text: str, keys: Keys) -> Span:
    """Return the position of the scalar under these map keys; a block scalar ends before its last line end.

    Raises AbsentError if the keys lead nowhere, TooLargeError, and FieldError if the text is not exactly one document,
    or the node is not a scalar or cannot be changed alone.
    """
    found = _outline(text, keys)
    _refuse_odd(found, keys)
    if keys not in found.spans:
        raise FieldError(spelled(keys), "it is a map or a list in the document, not a single value")
    start, end = found.spans[keys]
    return start, start + len(text[start:end].rstrip("\r\n"))


def replaced(text: str, keys: Keys, raw: str) -> str:
    """Return the text with `raw` in place of the scalar under these keys, and every other byte as before.

    Raises FieldError as `find`, and if `raw` would not be exactly one value there; if needed, the result is parsed.
    """
    start, end = find(text, keys)
    if text[start:end] == raw:
        return text
    if start == end or not raw:
        # An empty value has no space after its colon, so a restore would not produce the same bytes.
        raise FieldError(spelled(keys), "a value that is empty in the document cannot be replaced")
    changed = text[:start] + raw + text[end:]
    if _is_json_value(raw) if is_json(text, keys) else _are_alike(text[start:end], raw):
        _note_origin(changed, Origin(_digest(text), end, len(raw) - (end - start)))
    elif is_json(text, keys) or not _stands(changed, keys, (start, start + len(raw))):
        raise FieldError(spelled(keys), "the new value would not be one value at that place")
    return changed


def is_json(text: str, keys: Keys) -> bool:
    """True if the document with these keys is JSON."""
    return _outline(text, keys).is_json


def scalar(value: str, like: str, *, in_json: bool = False) -> str:
    """Return the raw text for `value` in the style of the raw text `like`, which it replaces in a document.

    Quoted text stays quoted in the same way. Bare text stays bare (`false`, `12`, a word) if it reads back as this very
    value, else it is quoted as in JSON. In a JSON document only JSON's own booleans, numbers and null are bare.
    """
    if like.startswith("'") and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if like.startswith(QUOTES):
        return _quoted(value)
    bare = JSON_SCALAR.fullmatch(value) is not None if in_json else _is_plain(value)
    return value if bare else _quoted(value)


def path_of(flag: str) -> Keys:
    """Return the keys of a flag in a document: a dot in its name separates them, unless a backslash precedes it."""
    return tuple(key.replace("\0", ".") for key in flag.replace("\\.", "\0").split("."))


def flag_of(keys: Keys) -> str:
    """Return the name of the flag with these keys: the inverse of path_of."""
    return ".".join(key.replace(".", "\\.") for key in keys)


def others(text: str, keys: Keys) -> tuple[Keys, ...]:
    """Return the keys of other single values that the same dotted path can mean: `a.b` next to `a: {b: …}`.

    Raises FieldError as `find`.
    """
    return tuple(other for other in _outline(text, keys).spans if other != keys)


def spelled(keys: Keys) -> str:
    """Return the keys as a path for messages."""
    plain = "".join(f".{key}" if re.fullmatch(r"[\w-]+", key) else f"[{key}]" for key in keys)
    return "#" + plain.removeprefix(".")


def _outline(text: str, keys: Keys) -> Outline:
    """Return the outline, cached by the digest of its text, so that no text stays in memory."""
    path = ".".join(keys)
    digest = _digest(text)
    found = _known.pop((digest, path), None) or _derived(digest, path) or _parsed(text, path)
    remember(text, path, found)
    if isinstance(found, yaml_positions.TooLargeError):
        raise TooLargeError(spelled(keys), found.problem)
    if isinstance(found, yaml_positions.UnreadableError):
        raise FieldError(spelled(keys), found.problem)
    return found


def _note_origin(text: str, origin: Origin) -> None:
    _origins[_digest(text)] = origin
    if len(_origins) > REMEMBERED:
        del _origins[next(iter(_origins))]


def _derived(digest: bytes, path: str) -> Outline | None:
    """Return the outline, shifted from that of the text before its edits, so that the changed text needs no parsing."""
    made: list[Origin] = []
    while (origin := _origins.get(digest)) is not None and len(made) < LONGEST_DESCENT:
        made.append(origin)
        digest = origin.digest
        if isinstance(found := _known.get((digest, path)), Outline):
            for one in reversed(made):
                found = found.moved(one.end, one.by)
            return found
    return None


def _parsed(text: str, path: str) -> Outline | yaml_positions.UnreadableError:
    if (left := _left.get()) is not None:
        if len(text) > left[0]:
            raise NeedsParse(text, path)
        left[0] -= len(text)
    return parse(text, path)


_known: dict[tuple[bytes, str], Outline | yaml_positions.UnreadableError] = {}
_origins: dict[bytes, Origin] = {}
_left: ContextVar[list[int] | None] = ContextVar("left", default=None)
"""One number: the characters that the current decision may still parse; None outside of decisions."""


@lru_cache(maxsize=8)
def _digest(text: str) -> bytes:
    """Return the digest of the text; cached, since one visit needs it many times."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _refuse_odd(found: Outline, keys: Keys) -> None:
    """Raise FieldError if the value is absent or cannot be changed alone."""
    if found.is_bare:
        raise FieldError(spelled(keys), NO_MAP)
    for depth in range(len(keys) + 1):
        part, above = spelled(keys[:depth]), keys[: depth - 1]
        if depth and not found.counts[keys[:depth]]:
            why = "" if above in found.maps else ": what is above it is not a map"
            raise AbsentError(spelled(keys), f"the document has no {part}{why}")
        if found.counts[keys[:depth]] > 1:
            raise FieldError(spelled(keys), f"the document has {part} more than once")
        if keys[:depth] in found.bound:
            problem = (
                "the value has an anchor, an alias or a tag in the document: a change would affect other values too"
            )
            raise FieldError(spelled(keys), problem)


def _stands(text: str, keys: Keys, place: tuple[int, int]) -> bool:
    try:
        return find(text, keys) == place
    except FieldError:
        return False


def _is_json_value(raw: str) -> bool:
    """True if it is exactly one JSON value, which can replace another without a parse of the text around it."""
    if not raw.startswith('"'):
        return JSON_SCALAR.fullmatch(raw) is not None
    try:
        return isinstance(json.loads(raw), str) and raw.endswith('"')
    except ValueError:
        return False


def _are_alike(old: str, new: str) -> bool:
    """True if both have a pattern of ALIKE, so that the new value is one YAML value wherever the old one is."""
    return any(one.fullmatch(old) and one.fullmatch(new) for one in ALIKE)


def _is_plain(value: str) -> bool:
    """True if the value, without quotes, reads back as this text in a block and in braces, and safe_load accepts it."""
    try:
        both = [yaml.load(text, Loader=yaml.CBaseLoader) for text in (f"k: {value}", f"{{k: {value}}}")]  # noqa: S506 # makes strings only
        yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, OverflowError):
        return False
    return value != "" and all(one == {"k": value} for one in both)


def _quoted(value: str) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
