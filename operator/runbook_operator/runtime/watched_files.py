"""Reads the administrator's small files whole: the configuration, and the credential files that it names."""

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

LARGEST = 256 * 1024
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class FileError(ValueError):
    """A file cannot be used. The message quotes nothing of its content."""


class Files:
    """Reads files, and detects if the content of any of them has changed since."""

    def __init__(self) -> None:
        self._had: dict[Path, bytes | str] = {}

    def changed(self) -> bool:
        """True if a file that was read since `begin` has changed, or none was read.

        It compares the content, since all files are small.
        """
        return not self._had or any(_content(path) != had for path, had in self._had.items())

    def begin(self) -> None:
        """Forget the files that were read; `changed` compares those that are read from now on."""
        self._had.clear()

    def text(self, path: Path) -> str:
        """Return the content of the file; raise FileError if it cannot be read as UTF-8 text."""
        self._had[path] = content = _content(path)
        if isinstance(content, str):
            raise FileError(f"{path} cannot be read: {content}")
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise FileError(f"{path} is not text in UTF-8") from None


def mapping(text: str) -> Mapping[Any, Any]:
    """Return the YAML map in the text, empty for an empty text; raise FileError for anything else."""
    try:
        found = yaml.load(text, _Loader)  # noqa: S506 # a SafeLoader
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # PyYAML's own messages quote the text.
        raise FileError(f"it is not YAML: {_complaint(error)}") from None
    if not isinstance(found, Mapping | None):
        raise FileError("it is not a map")
    return found or {}


def named(name: Any, advice: str) -> str:
    """Return the name of an entry; raise FileError with the advice if it is no DNS label."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise FileError(advice)
    return name


def field_text(files: Files, path: Path, field: str) -> str:
    """Return the content of the file that the field names, without the line break that editors append."""
    try:
        text = files.text(path).strip()
    except FileError as error:
        raise FileError(f"{field}: {error}") from None
    if not text:
        raise FileError(f"{field}: {path} is empty")
    return text


def authorities(bundle: str, problem: str) -> str:
    """Return a CA bundle in ASCII, since its comments may be in any language; raise FileError without a certificate."""
    ca = bundle.encode("ascii", "ignore").decode()
    try:
        ssl.create_default_context(cadata=ca)
    except ssl.SSLError:
        raise FileError(problem) from None
    return ca


def token(text: str, problem: str) -> str:
    """Return the token; raise FileError if it is not one word in visible ASCII."""
    if not re.fullmatch(r"[!-~]+", text):
        raise FileError(problem)
    return text


def first_error(error: ValidationError, unknown_field: str) -> str:
    """Describe the first error. The input is not repeated, since it may be a secret in the wrong place."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    message = unknown_field if first["type"] == "extra_forbidden" else first["msg"]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), message.removeprefix("Value error, "))))


def _content(path: Path) -> bytes | str:
    """Return the content of the file, or a text with the reason why it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "this is not a file name"
    return content if len(content) <= LARGEST else f"it is larger than {LARGEST // 1024} KiB"


class _Loader(yaml.SafeLoader):
    """Refuses a duplicate key; PyYAML would silently take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(keys) > len(set(keys)):
            raise yaml.MarkedYAMLError(problem="a key occurs twice", problem_mark=node.start_mark)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


def _complaint(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
    return f"{problem} in line {mark.line + 1}" if mark else str(problem)
