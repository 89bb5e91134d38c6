"""Read the administrator's file of metric sources, and the files that it names."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runbook_operator.core.model_base import ApiModel
from runbook_operator.monitoring.backends.metric_backend import REGISTRY, USUAL, Terms
from runbook_operator.runtime.watched_files import (
    FileError,
    Files,
    authorities,
    field_text,
    first_error,
    mapping,
    named,
    token,
)

NAMES = "the name of a source must have only a to z, 0 to 9 and -, and at most 63 characters"


@dataclass(frozen=True)
class Found:
    """The valid sources, and for each invalid one a sentence that begins with the field."""

    terms: Mapping[str, Terms]
    problems: Mapping[str, str]


def read(path: Path, files: Files) -> Found:
    """Read the sources of the file at this path; raises FileError if it is no map of sources."""
    files.begin()
    terms: dict[str, Terms] = {}
    problems: dict[str, str] = {}
    for name, entry in mapping(files.text(path)).items():
        try:
            terms[named(name, NAMES)] = _terms(entry, path.parent, files)
        except ValidationError as error:
            problems[str(name)] = first_error(error, "this field does not exist")
        except FileError as error:
            problems[str(name)] = str(error)
    return Found(terms, problems)


def _terms(entry: Any, folder: Path, files: Files) -> Terms:
    if not isinstance(entry, Mapping):
        raise FileError("it must be a map with a url")
    kind = entry.get("type", USUAL)
    if not isinstance(kind, str) or kind not in REGISTRY:
        raise FileError(f"type: it must be one of {', '.join(sorted(REGISTRY))}")
    spec = REGISTRY[kind].Spec.model_validate(entry)
    return Terms(spec, dict(_contents(files, folder, spec)))


def _contents(files: Files, folder: Path, spec: ApiModel, at: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path of each field that names a file, and the content of that file; raises FileError."""
    for name, info in type(spec).model_fields.items():
        value, field = getattr(spec, name), f"{at}{info.alias}"
        if isinstance(value, ApiModel):
            yield from _contents(files, folder, value, f"{field}.")
        elif value is not None and field.endswith("File"):
            yield field, READERS.get(field, field_text)(files, folder / value, field)


def _authorities(files: Files, path: Path, field: str) -> str:
    return authorities(field_text(files, path, field), f"{field}: {path} contains no certificate in PEM format")


def _token(files: Files, path: Path, field: str) -> str:
    return token(field_text(files, path, field), f"{field}: {path} must contain one word in visible ASCII")


READERS: Mapping[str, Callable[[Files, Path, str], str]] = {"caFile": _authorities, "tokenFile": _token}
"""By field, the reader of a file that must have a certain form; a file of any other field may have any text."""
