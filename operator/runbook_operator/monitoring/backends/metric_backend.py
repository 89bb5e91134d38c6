"""Base class of metric backends: one class for each API of metric sources.

A backend has the fields of its entries in the file of metric sources, the language of its queries, and the client that
sends them. It returns errors as core.samples.QueryError, whose kinds have one reason each in a status.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator
from yarl import URL

from runbook_operator.core.durations import PlainDuration, duration
from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.query_languages import QueryLanguage
from runbook_operator.core.samples import Answer, Matrix, QueryError

REGISTRY: dict[str, type["MetricBackend"]] = {}
USUAL = "prometheus"
"""The type of an entry that names none."""
LONGEST = 60.0
PATIENCE = 3
"""Queries that have not started after this multiple of the request time-out are dropped."""
Observe = Callable[[str, float], None]
"""Called after each request with Answered or an error's kind, and its duration in seconds."""
FileName = Annotated[str, Field(min_length=1, max_length=4096)]


class Basic(ApiModel):
    """A user's name and password, as a Secret of type kubernetes.io/basic-auth has them."""

    username_file: FileName
    password_file: FileName


class SourceSpec(ApiModel):
    """The fields that each entry has.

    A field whose name ends in File names a file that the operator reads for the backend. One that is not absolute
    begins at the folder of the file of metric sources.
    """

    type: str = USUAL
    url: str
    ca_file: FileName | None = None
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


class WithCredentials(SourceSpec):
    """The fields of an entry of a source that takes a token, or a name and a password, or neither."""

    token_file: FileName | None = None
    basic: Basic | None = None

    @model_validator(mode="after")
    def _one_credential(self) -> Self:
        if self.token_file and self.basic:
            raise ValueError("set one of tokenFile and basic, not both")
        return self


@dataclass(frozen=True)
class Terms:
    """The configuration of a source: its entry, and the content of each file that the entry names.

    The key of a file is the path of its field: `tokenFile`, `basic.passwordFile`.
    """

    spec: Any
    files: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def seconds(self) -> float:
        """The time-out of one request."""
        return duration(self.spec.timeout).total_seconds()

    @property
    def basic(self) -> tuple[str, str] | None:
        """The user's name and password, None if the entry names none."""
        files = self.files
        return (files["basic.usernameFile"], files["basic.passwordFile"]) if "basic.usernameFile" in files else None

    def serves(self, namespace: str) -> bool:
        """True if the Runbooks of this namespace may query the source."""
        return self.spec.namespaces is None or namespace in self.spec.namespaces


class MetricBackend(ABC):
    """One kind of metric source.

    Subclassing registers it: `kind` is the `type` of its entries in the file of metric sources, `Spec` has the fields
    of an entry, and the docstring describes it. Two backends of the same kind raise TypeError at import.
    """

    kind: ClassVar[str]
    Spec: ClassVar[type[SourceSpec]]
    language: ClassVar[QueryLanguage]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.kind in REGISTRY:
            raise TypeError(f"two backends are called {cls.kind}: {REGISTRY[cls.kind].__name__} and {cls.__name__}")
        REGISTRY[cls.kind] = cls

    @classmethod
    @abstractmethod
    def connect(cls, terms: Terms, observe: Observe) -> Self:
        """Return a client of the source; raises ValueError if these terms allow none. Call it in the event loop."""

    @property
    @abstractmethod
    def ahead(self) -> timedelta | None:
        """The lead of the source's clock over this one; None until the source has answered."""

    @abstractmethod
    async def instant(self, queries: Iterable[str], at: datetime) -> Mapping[str, Answer]:
        """Return the answer to each query at this time of the source's clock; raises nothing.

        It returns within (PATIENCE + 1) times the request time-out. A backend may send several queries in one request.
        """

    @abstractmethod
    async def range_(self, query: str, start: datetime, end: datetime, step: timedelta) -> Matrix | QueryError:
        """Return the values of the query from `start` to `end`, each included; at a longer step if that is cheaper."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""
