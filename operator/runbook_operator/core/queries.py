"""The reads that a decision may need. A decision does no I/O; it raises NeedsRead with the missing queries."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from runbook_operator.core.accounts import Account
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.writes import Effect


@dataclass(frozen=True)
class Read:
    """One whole object. The answer is an ObservedObject or a Missing, which Snapshot.require then returns."""

    ref: Ref


@dataclass(frozen=True)
class Find:
    """The objects of a kind in one namespace, as bodies; empty if the cluster does not serve the kind."""

    api_version: str
    kind: str
    namespace: str
    labels: str = ""
    fields: str = ""

    def has(self, ref: Ref) -> bool:
        """True if the query lists the object, provided that its labels and fields match."""
        return (self.api_version, self.kind, self.namespace) == (ref.api_version, ref.kind, ref.namespace)


@dataclass(frozen=True)
class Probe:
    """An HTTP GET to a Service of the namespace. The answer is a ProbeResult; no body is kept."""

    service: Ref
    port: str
    path: str


@dataclass(frozen=True)
class AccessReview:
    """An access review: may the acting account do this to the named object, or to all of the namespace?

    `resource` is a plural, with its subresource after a slash. The answer is a ReviewResult.
    """

    verb: str
    group: str
    resource: str
    namespace: str
    name: str = ""


@dataclass(frozen=True)
class HasAccount:
    """Does the service account exist? The answer is a ReviewResult, allowed also if the operator may not read it."""

    account: Account


@dataclass(frozen=True)
class DryRun:
    """A dry run of a write: would the API server accept it?

    `number` is the place of the write among those of a throw of the switch. Queries with the same number are equal even
    if the writes differ, as by the time of the throw. The answer is a ReviewResult (not allowed if unknown) or Denied.
    """

    switch: Ref
    number: int
    effect: Effect = field(compare=False, repr=False)


@dataclass(frozen=True)
class Admission:
    """The number of replicas that the API server would store for this write through the scale subresource.

    Nothing is written. The answer is a number, or a Denied.
    """

    ref: Ref
    uid: str
    replicas: int


Query = Read | Find | Probe | AccessReview | HasAccount | DryRun | Admission
ProbeEnd = Literal["Answered", "Unreachable", "Closed", "Late", "Unasked"]


@dataclass(frozen=True)
class ProbeResult:
    """The result of a Probe: the HTTP status, or `why` there was none in a few words.

    Answered: an answer came, though it may not be HTTP. Unreachable: no connection. Closed: the connection ended
    without an answer. Late: the connection was made, and no answer came in time. Unasked: no request was sent, such as
    to a Service that does not exist.
    """

    status: int | None
    why: str = ""
    end: ProbeEnd = "Answered"


@dataclass(frozen=True)
class ReviewResult:
    """The API server's answer to an AccessReview, HasAccount or DryRun; `user` is the user that is not allowed."""

    allowed: bool
    user: str = ""


@dataclass(frozen=True)
class Denied:
    """The answer to a query that the operator is not allowed to make."""

    reason: Reason
    message: str


class NeedsRead(Exception):  # noqa: N818 # not an error: a decision is to be made again with the answers to `queries`
    """A decision needs more reads. If they are not `urgent`, an answer that is a few seconds old is enough."""

    def __init__(self, queries: Iterable[Query], *, urgent: bool = True) -> None:
        self.queries, self.urgent = frozenset(queries), urgent
        super().__init__(", ".join(sorted(map(str, self.queries))))


def read_together(*looks: Callable[[], Any]) -> tuple[Any, ...]:
    """Return the result of each call; raise one NeedsRead with the missing reads of all calls."""
    found, needed = [], set[Query]()
    for look in looks:
        try:
            found.append(look())
        except NeedsRead as more:
            needed |= more.queries
    if needed:
        raise NeedsRead(needed)
    return tuple(found)
