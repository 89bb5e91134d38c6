"""Field paths in the notation that Kubernetes users know, as one small closed language.

    spec.replicas                                                  keys of maps
    metadata.annotations[kustomize.toolkit.fluxcd.io/reconcile]    a key with dots or slashes
    spec.template.spec.containers[name=app].env[name=AI_ENABLED]   the element of a list whose key has this value;
                                                                   `quoted` writes brackets, # and % in it
    spec{minReplicas,maxReplicas}                                  several keys of one map as one value, at the end
    data[app.yaml]#flags.ai                                        a single value inside a YAML or JSON text

The empty path is the whole object. Null counts as absent, as in a merge patch.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

from runbook_operator.core import yaml_values
from runbook_operator.core.yaml_values import AbsentError, FieldError

__all__ = ["Element", "Field", "FieldError", "Group", "Key", "get", "owner", "parse", "quoted", "with_value", "written"]

PLAIN = r"[A-Za-z0-9_-]+"
STEP = re.compile(
    rf"(?:\A|(?!\A)\.)(?P<plain>{PLAIN})"
    r"|\[(?P<key>[A-Za-z]+)=(?P<value>[^\[\]]+)\]"
    r"|\[(?P<odd>[^\[\]=]+)\]"
    rf"|\{{(?P<group>{PLAIN}(?:,{PLAIN})*)\}}"
)


@dataclass(frozen=True)
class Key:
    """A key of a map."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}" if re.fullmatch(PLAIN, self.name) else f"[{self.name}]"


@dataclass(frozen=True)
class Element:
    """The element of a list of maps whose `key` has this value, compared as text: ports are numbers."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"[{self.key}={quoted(self.value)}]"

    def fits(self, item: Any) -> bool:
        return isinstance(item, Mapping) and self.key in item and str(item[self.key]) == self.value


@dataclass(frozen=True)
class Group:
    """Several keys of one map."""

    names: tuple[str, ...]


Step = Key | Element | Group
ENVIRONMENT = Key("env")


@dataclass(frozen=True)
class Field:
    """A parsed path: the steps into the object and, for a `#` field, the keys inside its text."""

    text: str
    steps: tuple[Step, ...]
    place: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text

    def above(self, depth: int) -> str:
        """Return the path before the step at this depth, as the subject of a message."""
        return "".join(map(str, self.steps[:depth])).removeprefix(".") or "the object"


def quoted(text: str) -> str:
    """Percent-encode the characters of a value that would end it in a path."""
    return re.sub(r"[%#\[\]]", lambda found: f"%{ord(found[0]):02X}", text)


@cache
def parse(text: str) -> Field:
    """Parse the path; FieldError names the character where parsing fails, or the misplaced step."""
    before, hash_, inside = text.partition("#")
    steps = tuple(_steps(text, 0, before))
    for depth, step in enumerate(steps):
        if isinstance(step, Element) and not (depth and isinstance(steps[depth - 1], Key)):
            raise FieldError(text, f"{step} must follow the key of a list")
        if isinstance(step, Group) and depth + 1 < len(steps):
            raise FieldError(text, "several keys in braces are allowed only in the last step")
    place = tuple(_steps(text, len(before) + 1, inside))
    keys = tuple(step.name for step in place if isinstance(step, Key))
    if hash_ and not (keys and len(keys) == len(place) and steps and isinstance(steps[-1], Key)):
        raise FieldError(text, "# must stand between the key of a text and a path of map keys inside that text")
    return Field(text, steps, keys)


def get(body: Mapping[str, Any], field: str) -> Any:
    """Return the value at the path, None if it is absent.

    The value of `[key=value]` is the element; of braces, a dict of the keys that are present, None without any; of `#`,
    the raw text exactly as the document has it: `true`, `"true"`, `'x'`.

    Raises FieldError if the path cannot be parsed or an element exists twice; and for a `#` field if the text is not
    exactly one document, or the path inside it does not lead to a single value that can be replaced alone.
    """
    parsed = parse(field)
    found = _found(parsed, body)
    if not parsed.place or found is None:
        return found
    try:
        with _naming(parsed):
            text = _text(parsed, found)
            return text[slice(*yaml_values.find(text, parsed.place))]
    except AbsentError:
        return None


def with_value(body: Mapping[str, Any], field: str, value: Any) -> dict[str, Any]:
    """Return a copy of the body with the field set; None removes it. Values off the path are shared, not copied.

    Missing maps, lists and elements on the path are created. A removal leaves an empty map, but removes a list with
    its last element, since hardly any manifest has an empty list. An element is replaced in its place or appended.
    Braces set the keys in the dict and remove the others of the group. For a `#` field the value is raw text, which
    replaces the old one; it can be neither added nor removed.

    Raises FieldError as `get`, and if the value, or one on the path, is of another type than the path requires.
    """
    parsed = parse(field)
    if parsed.place:
        value = _rewritten(parsed, body, value)
    if parsed.steps:
        return dict(_set(parsed, 0, body, value))
    if not isinstance(value, Mapping):
        raise FieldError(field, "the whole object can only be replaced by a map")
    return dict(value)


def written(body: Mapping[str, Any], field: str, value: str) -> str:
    """Return the raw text to write for this value of a `#` field, in its style; raises FieldError as `get`."""
    parsed = parse(field)
    with _naming(parsed):
        text = _text(parsed, _found(parsed, body))
        like = text[slice(*yaml_values.find(text, parsed.place))]
        return yaml_values.scalar(value, like, in_json=yaml_values.is_json(text, parsed.place))


def owner(metadata: Mapping[str, Any], field: str) -> tuple[str, str]:
    """Return the field manager that last wrote this field or anything below it, and when (RFC 3339); both may be "".

    In metadata.managedFields, an entry for a field owns all fields below it. A `#` field has the owner of its text, and
    the whole object that of the last write. An element is found only if the path names it by its list's merge key.
    """
    steps = parse(field).steps
    entries = [e for e in metadata.get("managedFields") or () if _owns(e.get("fieldsV1") or {}, steps)]
    newest = max(entries, key=lambda entry: str(entry.get("time", "")), default=None)
    return (str(newest.get("manager", "")), str(newest.get("time", ""))) if newest else ("", "")


def _steps(whole: str, offset: int, text: str) -> Iterator[Step]:
    at = 0
    while at < len(text):
        match = STEP.match(text, at)
        if match is None:
            raise FieldError(whole, f"the path cannot be parsed from character {offset + at + 1} on: {text[at:]!r}")
        at = match.end()
        if match["key"]:
            yield Element(match["key"], unquote(match["value"]))
        elif match["group"]:
            yield Group(tuple(match["group"].split(",")))
        else:
            yield Key(match["plain"] or match["odd"])


def _found(field: Field, body: Mapping[str, Any]) -> Any:
    held: Any = body
    for depth in range(len(field.steps)):
        held = _inner(field, depth, held)
    return held


def _inner(field: Field, depth: int, holder: Any) -> Any:
    step = field.steps[depth]
    if isinstance(step, Element):
        at = _index(field, depth, holder) if isinstance(holder, list) else None
        return None if at is None or at == len(holder) else holder[at]
    if not isinstance(holder, Mapping):
        return None
    if isinstance(step, Key):
        return holder.get(step.name)
    return {name: holder[name] for name in step.names if holder.get(name) is not None} or None


def _index(field: Field, depth: int, items: list[Any]) -> int:
    """Return the index of the element that the step selects, or the list's length if there is none.

    A container may list a variable twice, as charts do to override a default: the last one counts.
    """
    step = field.steps[depth]
    fitting = [at for at, item in enumerate(items) if isinstance(step, Element) and step.fits(item)]
    if len(fitting) > 1 and field.steps[depth - 1] != ENVIRONMENT:
        raise FieldError(str(field), f"{field.above(depth)} has {len(fitting)} elements {step}; one is expected")
    return fitting[-1] if fitting else len(items)


def _set(field: Field, depth: int, holder: Any, value: Any) -> Any:
    """Return a copy of the holder with the value at this depth set."""
    step = field.steps[depth]
    if depth + 1 < len(field.steps):
        inner = _inner(field, depth, holder)
        if inner is None and value is None:
            return holder
        if inner is None and isinstance(step, Element):
            inner = {step.key: step.value}
        value = _set(field, depth + 1, inner, value)
        if inner and value == []:
            value = None
    if isinstance(step, Element):
        return _with_element(field, depth, holder, value)
    return _with_keys(field, depth, holder, {step.name: value} if isinstance(step, Key) else _grouped(field, value))


def _with_keys(field: Field, depth: int, holder: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(holder, Mapping | None):
        raise FieldError(str(field), f"{field.above(depth)} is not a map")
    merged = {**(holder or {}), **changes}
    return {key: value for key, value in merged.items() if key not in changes or value is not None}


def _grouped(field: Field, value: Any) -> dict[str, Any]:
    """Return the new value of each key of the group at the end of the path."""
    step = field.steps[-1]
    names = step.names if isinstance(step, Group) else ()
    if not isinstance(value, Mapping | None) or any(name not in names for name in value or ()):
        raise FieldError(str(field), f"its value must be a map of {', '.join(names)} and nothing else")
    return {**dict.fromkeys(names), **(value or {})}


def _with_element(field: Field, depth: int, holder: Any, value: Any) -> list[Any]:
    step = field.steps[depth]
    if not isinstance(holder, list | None):
        raise FieldError(str(field), f"{field.above(depth)} is not a list")
    if value is not None and not (isinstance(step, Element) and step.fits(value)):
        raise FieldError(str(field), f"an element of {field.above(depth)} can only be replaced by one that is {step}")
    items = holder or []
    at = _index(field, depth, items)
    if value is None:
        # Remove all entries of the name: else an earlier one of two would take effect again.
        return [item for item in items if not (isinstance(step, Element) and step.fits(item))]
    return [*items[:at], value, *items[at + 1 :]]


def _rewritten(field: Field, body: Mapping[str, Any], value: Any) -> str:
    if not isinstance(value, str):
        raise FieldError(str(field), "a value inside a document is written as text and cannot be removed")
    with _naming(field):
        return yaml_values.replaced(_text(field, _found(field, body)), field.place, value)


def _text(field: Field, found: Any) -> str:
    if not isinstance(found, str):
        raise FieldError(str(field), f"{field.above(len(field.steps))} is not a text")
    return found


@contextmanager
def _naming(field: Field) -> Iterator[None]:
    """Make errors about the inside of a document name the whole path."""
    try:
        yield
    except FieldError as error:
        raise type(error)(str(field), error.problem) from None


def _owns(owned: Mapping[str, Any], steps: tuple[Step, ...]) -> bool:
    if not steps:
        return True
    return any(not below or _owns(below, steps[1:]) for below in _below(owned, steps[0]))


def _below(owned: Mapping[str, Any], step: Step) -> Iterator[Any]:
    """Yield the entries of fieldsV1 below this step: under `f:replicas`, `k:{"name":"app"}`."""
    if isinstance(step, Element):
        return (below for key, below in owned.items() if key.startswith("k:") and step.fits(json.loads(key[2:])))
    names = step.names if isinstance(step, Group) else (step.name,)
    return (owned[f"f:{name}"] for name in names if f"f:{name}" in owned)
