"""One value inside a YAML or JSON text, found and replaced without touching any other byte.

A ConfigMap's file is written and commented by people: it is never loaded and dumped again, only the characters of one
scalar are exchanged. What cannot be exchanged alone (anchors, aliases, tags, several documents) is refused.
"""

import json
import re
from typing import Any

import yaml

QUOTES = ("'", '"')
JSON_BARE = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
"""What a YAML reader refuses or takes for a line end, and json.dumps leaves as it is."""
SEVERAL = "expected a single document in the stream"
"""How PyYAML says that there is more than one document."""


class FieldError(ValueError):
    """A field that cannot be read or written: its path, and what is wrong and where."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or 'the whole object'}: {problem}")
        self.path = path
        self.problem = problem


class AbsentError(FieldError):
    """The place is not in the document."""


class _Loader(yaml.SafeLoader):
    """Composes nodes and keeps which of them stand, or may stand, for more than their own text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.bound: set[yaml.Node] = set()

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        if node is not None and (event.anchor is not None or getattr(event, "tag", None) is not None):
            self.bound.add(node)
        return node


def find(text: str, keys: tuple[str, ...]) -> tuple[int, int]:
    """Where the scalar under these map keys begins and ends in the text; a block scalar ends before its last line end.

    AbsentError where the keys lead nowhere; FieldError where the text is no single document, or the node is no scalar,
    or it could not be changed alone.
    """
    node = _scalar_node(text, keys)
    start, end = node.start_mark.index, node.end_mark.index
    return start, start + len(text[start:end].rstrip("\r\n"))


def replaced(text: str, keys: tuple[str, ...], raw: str) -> str:
    """The text with the scalar under these keys written as `raw`, all else byte for byte as before.

    FieldError as `find`, and where `raw` would not stand there as exactly one value: the document is read again.
    """
    start, end = find(text, keys)
    if text[start:end] == raw:
        return text
    if start == end or not raw:
        # Between a colon and nothing there is no room: the way back would not give the same bytes.
        raise FieldError(spelled(keys), "a value left empty in the document can be neither replaced nor written")
    changed = text[:start] + raw + text[end:]
    if not _stands(changed, keys, (start, start + len(raw))) or (is_json(text) and not is_json(changed)):
        raise FieldError(spelled(keys), "what is to be written would not be one value there")
    return changed


def scalar(value: str, like: str, within: str = "") -> str:
    """The raw text for `value` in the manner of the raw text `like`, which it replaces in the document `within`.

    Quoted stays quoted in the same way; bare stays bare (`false`, `12`, a word) where it reads back as this very
    value, else it is quoted as in JSON. In a JSON document only JSON's own booleans, numbers and null are bare.
    """
    if like.startswith("'") and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if like.startswith(QUOTES):
        return _quoted(value)
    bare = JSON_BARE.fullmatch(value) is not None if is_json(within) else _is_plain(value)
    return value if bare else _quoted(value)


def is_json(text: str) -> bool:
    """Whether the text is a JSON object or array, and not just YAML in braces."""
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def spelled(keys: tuple[str, ...]) -> str:
    """The keys as a path in messages."""
    plain = "".join(f".{key}" if re.fullmatch(r"[\w-]+", key) else f"[{key}]" for key in keys)
    return "#" + plain.removeprefix(".")


def _scalar_node(text: str, keys: tuple[str, ...]) -> yaml.ScalarNode:
    node, bound = _composed(text, keys)
    for depth in range(len(keys)):
        _refuse_bound(bound, node, keys)
        node = _child(node, keys, depth)
    _refuse_bound(bound, node, keys)
    if not isinstance(node, yaml.ScalarNode):
        raise FieldError(spelled(keys), "it is a map or a list in the document, not a single value")
    return node


def _composed(text: str, keys: tuple[str, ...]) -> tuple[yaml.Node | None, set[yaml.Node]]:
    try:
        # PyYAML refuses tabs between tokens; in valid JSON a tab is nothing else, and a space keeps every index.
        loader = _Loader(text.replace("\t", " ") if is_json(text) else text)
        return loader.get_single_node(), loader.bound
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # PyYAML lets chr() fail on "\UFFFFFFFF". Its own messages quote the text, which may be secret.
        raise FieldError(spelled(keys), _complaint(error)) from None


def _complaint(error: Exception) -> str:
    if getattr(error, "context", None) == SEVERAL:
        return "the text holds several YAML documents (---), only one is understood"
    mark = getattr(error, "problem_mark", None)
    line = f" in line {mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or type(error).__name__
    return f"the text is not a YAML or JSON document: {problem}{line}"


def _refuse_bound(bound: set[yaml.Node], node: yaml.Node | None, keys: tuple[str, ...]) -> None:
    if node in bound:
        problem = "it has an anchor, an alias or a tag in the document: a change would reach further than this value"
        raise FieldError(spelled(keys), problem)


def _child(node: yaml.Node | None, keys: tuple[str, ...], depth: int) -> yaml.Node:
    path, part = spelled(keys), spelled(keys[: depth + 1])
    if not isinstance(node, yaml.MappingNode):
        raise AbsentError(path, f"the document has no {part}: what is above it is not a map")
    found: list[yaml.Node] = [
        value for key, value in node.value if isinstance(key, yaml.ScalarNode) and key.value == keys[depth]
    ]
    if not found:
        raise AbsentError(path, f"the document has no {part}")
    if len(found) > 1:
        raise FieldError(path, f"the document has {part} more than once")
    return found[0]


def _stands(text: str, keys: tuple[str, ...], place: tuple[int, int]) -> bool:
    try:
        return find(text, keys) == place
    except FieldError:
        return False


def _is_plain(value: str) -> bool:
    """Whether the value may stand bare, in a block and in braces, and a reader can make something of it."""
    try:
        both = [_scalar_node(text, ("k",)) for text in (f"k: {value}", f"{{k: {value}}}")]
        yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, OverflowError):
        return False
    return value != "" and all(node.value == value for node in both)


def _quoted(value: str) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
