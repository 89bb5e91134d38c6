"""Read the administrator's file of metric sources, and the files that it names."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from yarl import URL

from runbook_operator.core.durations import PlainDuration, duration
from runbook_operator.core.model_base import ApiModel
from runbook_operator.runtime.watched_files import FileError, Files, mapping

LONGEST = 60.0
DNS_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
NAMES = "the name of a source must have only a to z, 0 to 9 and -, and at most 63 characters"
FileName = Annotated[str, Field(min_length=1, max_length=4096)]


class Basic(ApiModel):
    """A user's name and password, as a Secret of type kubernetes.io/basic-auth has them."""

    username_file: FileName
    password_file: FileName


class MetricSource(ApiModel):
    """One entry of the file. A name of a file that is not absolute begins at the folder of this one."""

    url: str
    ca_file: FileName | None = None
    token_file: FileName | None = None
    basic: Basic | None = None
    tenant: Annotated[str, Field(max_length=1024, pattern=r"^[!-~]*$")] = ""
    timeout: PlainDuration = "5s"
    namespaces: Annotated[list[str], Field(min_length=1)] | None = None

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        try:
            parsed = URL(url)
        except ValueError:
            parsed = URL()
        if parsed.user or parsed.password:
            raise ValueError(
                "it must not contain a name or a password; write them into files, and name the files in basic"
            )
        if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query_string or parsed.fragment:
            raise ValueError("it must be http:// or https:// with a host and optionally a path")
        return url

    @field_validator("timeout")
    @classmethod
    def _is_bounded(cls, timeout: str) -> str:
        if not 0 < duration(timeout).total_seconds() <= LONGEST:
            raise ValueError(f"it must be more than 0s and at most {LONGEST:.0f}s")
        return timeout

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if self.token_file and self.basic:
            raise ValueError("set one of tokenFile and basic, not both")
        return self


@dataclass(frozen=True)
class Terms:
    """The configuration of a source; `namespaces` None allows all of them."""

    url: str
    seconds: float
    tenant: str = ""
    namespaces: frozenset[str] | None = None
    ca: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)


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
            terms[_named(name)] = _terms(entry, path.parent, files)
        except ValidationError as error:
            problems[str(name)] = _sentence(error)
        except FileError as error:
            problems[str(name)] = str(error)
    return Found(terms, problems)


def _named(name: Any) -> str:
    if not isinstance(name, str) or not re.fullmatch(DNS_LABEL, name):
        raise FileError(NAMES)
    return name


def _terms(entry: Any, folder: Path, files: Files) -> Terms:
    if not isinstance(entry, Mapping):
        raise FileError("it must be a map with a url")
    source = MetricSource.model_validate(entry)
    basic = source.basic
    return Terms(
        source.url,
        duration(source.timeout).total_seconds(),
        source.tenant,
        frozenset(source.namespaces) if source.namespaces else None,
        _authorities(files, folder / source.ca_file) if source.ca_file else None,
        _token(files, folder / source.token_file) if source.token_file else None,
        (
            _text(files, folder / basic.username_file, "basic.usernameFile"),
            _text(files, folder / basic.password_file, "basic.passwordFile"),
        )
        if basic
        else None,
    )


def _authorities(files: Files, path: Path) -> str:
    # Bundles name their authorities in comments, in any language.
    ca = _text(files, path, "caFile").encode("ascii", "ignore").decode()
    try:
        ssl.create_default_context(cadata=ca)
    except ssl.SSLError:
        raise FileError(f"caFile: {path} contains no certificate in PEM format") from None
    return ca


def _token(files: Files, path: Path) -> str:
    token = _text(files, path, "tokenFile")
    if not re.fullmatch(r"[!-~]+", token):
        raise FileError(f"tokenFile: {path} must contain one word in visible ASCII")
    return token


def _text(files: Files, path: Path, field_name: str) -> str:
    """Return the content of the file, without the line break that editors append."""
    try:
        text = files.text(path).strip()
    except FileError as error:
        raise FileError(f"{field_name}: {error}") from None
    if not text:
        raise FileError(f"{field_name}: {path} is empty")
    return text


def _sentence(error: ValidationError) -> str:
    """Describe the first error. The input is not repeated, since it may be a password in the wrong place."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    said = "this field does not exist" if first["type"] == "extra_forbidden" else first["msg"]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), said.removeprefix("Value error, "))))
