"""Small files of an administrator's, read whole: a configuration, and the credentials that it names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

LARGEST = 256 * 1024


class FileError(ValueError):
    """What is wrong with a file, in words that hold nothing of it."""


class Files:
    """Reads files, and knows whether any that it has read says something else now."""

    def __init__(self) -> None:
        self._had: dict[Path, bytes | str] = {}

    def changed(self) -> bool:
        """Whether anything has changed since the reading was begun; and before it was. By content: all are small."""
        return not self._had or any(_content(path) != had for path, had in self._had.items())

    def begin(self) -> None:
        """What is read from now on is what counts."""
        self._had.clear()

    def text(self, path: Path) -> str:
        """What the file says; FileError where it cannot be read as text."""
        self._had[path] = content = _content(path)
        if isinstance(content, str):
            raise FileError(f"{path} cannot be read: {content}")
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise FileError(f"{path} is not text in UTF-8") from None


def mapping(text: str) -> Mapping[Any, Any]:
    """The YAML map in the text, an empty one for none; FileError where there is something else."""
    try:
        found = yaml.load(text, _Loader)  # noqa: S506 # a SafeLoader
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # PyYAML's own messages quote the text.
        raise FileError(f"it is not YAML: {_complaint(error)}") from None
    if not isinstance(found, Mapping | None):
        raise FileError("it is not a map")
    return found or {}


def _content(path: Path) -> bytes | str:
    """What is in the file, or why that cannot be said."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "this is no name of a file"
    return content if len(content) <= LARGEST else f"it is larger than {LARGEST // 1024} KiB"


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice; PyYAML takes the last one, and nobody sees the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(keys) > len(set(keys)):
            raise yaml.MarkedYAMLError(problem="a key is there twice", problem_mark=node.start_mark)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


def _complaint(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
    return f"{problem} in line {mark.line + 1}" if mark else str(problem)
