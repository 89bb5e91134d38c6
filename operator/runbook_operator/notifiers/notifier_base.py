"""Base class of notifiers: render a message into a request, and judge the answer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from runbook_operator.core import url_policy
from runbook_operator.core.durations import PlainDuration, duration
from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.severities import Severity
from runbook_operator.notifiers.message import Message

REGISTRY: dict[str, type["Notifier"]] = {}
LONGEST_TIMEOUT = 30.0
JSON = "application/json; charset=utf-8"
AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
"""Statuses below 500 after which the same request may succeed later."""
FileName = Annotated[str, Field(min_length=1, max_length=4096)]


class UnreadableSpecError(ValueError):
    """A channel's entry or a message's recipient cannot be used. `field` is a field; the message repeats no content."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(f"{field_name}: {message}")


class ChannelSpec(ApiModel):
    """The fields of a channel of any kind. A field that ends in `File` names a file, whose content is a secret."""

    namespaces: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="The namespaces whose Runbooks may use the channel; all namespaces if absent."
    )
    severities: Annotated[list[Severity], Field(min_length=1)] | None = Field(
        None, description="The severities that the channel delivers; all if absent."
    )
    per_minute: int | None = Field(
        None, ge=1, le=600, description="The most messages a minute for each namespace; the kind has a default."
    )
    fallback: str = Field("", max_length=63, description="The channel that delivers what this one cannot deliver.")
    timeout: PlainDuration = Field("10s", description="The longest time for one attempt, `30s` at most.")

    @field_validator("timeout")
    @classmethod
    def _is_bounded(cls, timeout: str) -> str:
        if not 0 < duration(timeout).total_seconds() <= LONGEST_TIMEOUT:
            raise ValueError(f"it is longer than nothing, and {LONGEST_TIMEOUT:.0f}s at most")
        return timeout


class TlsSpec(ChannelSpec):
    """The fields of a channel that connects to a server."""

    ca_file: FileName | None = Field(
        None, description="A file with the authorities to trust, in PEM, instead of the system's."
    )


class SecretUrlSpec(TlsSpec):
    """The fields of a channel whose URL is its credential, so that it is only ever in a file."""

    url_file: FileName = Field(description="A file with the URL that the provider gave.")


class UrlSpec(TlsSpec):
    """The fields of a channel whose URL may be known."""

    url: str = Field("", max_length=2048, description="The URL; `urlFile` instead if it holds a credential.")
    url_file: FileName | None = Field(None, description="A file with the URL.")
    token_file: FileName | None = Field(None, description="A file with a token, sent as `Authorization: Bearer`.")


@dataclass(frozen=True)
class Config:
    """A channel's fields, and the contents of the files that they name: `secrets["url"]` is that of `urlFile`."""

    spec: Any
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        return self.secrets.get("url") or str(getattr(self.spec, "url", ""))


@dataclass(frozen=True)
class Request:
    """An HTTP request. All of it may be secret, so the repr shows the method alone."""

    url: str = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    method: Literal["POST", "GET"] = "POST"


@dataclass(frozen=True)
class Mail:
    """A mail, and the server that takes it, by TLS from the beginning or after STARTTLS."""

    host: str
    port: int
    start_tls: bool
    sender: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)
    user: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class KubernetesEvent:
    """A core/v1 Event to create in a namespace."""

    namespace: str
    body: Mapping[str, Any]


Rendered = Request | Mail | KubernetesEvent


@dataclass(frozen=True)
class Reply:
    """The answer to a request; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Delivered:
    """The receiver accepted the message."""


@dataclass(frozen=True)
class Retry:
    """The receiver may accept the message later, `after` that time if it gave one."""

    why: str
    after: timedelta | None = None


@dataclass(frozen=True)
class GiveUp:
    """The receiver will never accept the message."""

    why: str


Judgement = Delivered | Retry | GiveUp


class Notifier(ABC):
    """One kind of channel.

    Subclassing registers it: `kind` is the type in the administrator's file, `Spec` the model of the entry's other
    fields, and the docstring its description. Two notifiers of the same kind raise TypeError at import.
    """

    kind: ClassVar[str]
    Spec: ClassVar[type[ChannelSpec]]
    per_minute: ClassVar[int] = 30
    """The most messages a minute for each namespace, unless the entry sets another number."""
    schemes: ClassVar[tuple[str, ...]] = ("https",)
    """The schemes of its URL; http where receivers inside the cluster are usual."""

    keeps_state: ClassVar[bool] = False
    """True if the receiver has an alert that is open until it is resolved: no such message is over any budget."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.kind in REGISTRY:
            raise TypeError(f"two notifiers are called {cls.kind}: {REGISTRY[cls.kind].__name__} and {cls.__name__}")
        REGISTRY[cls.kind] = cls

    @classmethod
    def check(cls, config: Config) -> None:
        """Raise UnreadableSpecError if no message can be rendered with the content of the channel's files."""
        if isinstance(config.spec, UrlSpec) and bool(config.spec.url) == bool(config.spec.url_file):
            raise UnreadableSpecError("url", "set one of url and urlFile")
        if isinstance(config.spec, UrlSpec | SecretUrlSpec):
            check_url(config, cls.schemes)

    @staticmethod
    @abstractmethod
    def render(message: Message, config: Config, now: datetime) -> Rendered:
        """Return the request for a message at this attempt; raises UnreadableSpecError for a forbidden recipient."""

    @staticmethod
    def judge(reply: Reply, now: datetime) -> Judgement:
        return judged(reply, now)


def check_url(config: Config, schemes: tuple[str, ...]) -> None:
    """Raise UnreadableSpecError if the channel's URL cannot be used; the message does not repeat it."""
    name = "urlFile" if config.secrets.get("url") else "url"
    try:
        found = url_policy.parse(config.url)
    except url_policy.UrlError as error:
        raise UnreadableSpecError(name, str(error)) from None
    if found.scheme not in schemes:
        raise UnreadableSpecError(name, f"it begins with {' or '.join(f'{one}://' for one in schemes)}")


def judged(reply: Reply, now: datetime) -> Judgement:
    """Judge by the status alone: 2xx is accepted, 408, 425, 429 and 5xx may succeed later, all else never will."""
    status = reply.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Delivered()
    why = f"the receiver answered {status}"
    if status in AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Retry(why, retry_after(reply.headers.get("retry-after", ""), now))
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return GiveUp(f"{why}, a redirect, which is never followed")
    return GiveUp(why)


def retry_after(text: str, now: datetime) -> timedelta | None:
    """Return the time of a Retry-After header, in seconds or as a date; None if it is absent or unreadable."""
    try:
        return max(timedelta(), timedelta(seconds=float(text)))
    except (ValueError, OverflowError):
        pass
    try:
        return max(timedelta(), parsedate_to_datetime(text) - now)
    except (ValueError, TypeError, OverflowError):
        return None
