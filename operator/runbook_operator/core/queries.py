"""The reads that a decision may need. A decision does no I/O: it raises NeedsRead with the missing queries."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from runbook_operator.core.accounts import Account
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.writes import Effect


@dataclass(frozen=True)
class Read:
    """One whole object. The answer is a Seen or a Missing, which Snapshot.look then returns."""

    ref: Ref


@dataclass(frozen=True)
class Find:
    """All objects of a kind in one namespace, as bodies; none if the cluster does not serve the kind."""

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
    """An HTTP GET to a Service of the namespace. The answer is an Answering; no body is kept."""

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

    It is the write with this `number` in a throw of the switch. The write itself is not compared, since it may hold the
    time of the throw. The answer is a ReviewResult, not allowed if the result is unknown, or a Denied.
    """

    switch: Ref
    number: int
    effect: Effect = field(compare=False, repr=False)


@dataclass(frozen=True)
class Admission:
    """The replicas that the API server would store if this number were written through the scale subresource.

    Nothing is written. The answer is a number, or a Denied.
    """

    ref: Ref
    uid: str
    replicas: int


Query = Read | Find | Probe | AccessReview | HasAccount | DryRun | Admission
ProbeEnd = Literal["Answered", "Unreachable", "Closed", "Late", "Unasked"]


@dataclass(frozen=True)
class ProbeResult:
    """The result of a Probe: the HTTP status, or in a few words why there was none.

    Answered: an answer came, though it may not be HTTP. Unreachable: no connection. Closed: the connection ended
    without an answer. Late: the connection was made, and no answer came in time. Unasked: there was nothing to send a
    request to.
    """

    status: int | None
    why: str = ""
    end: ProbeEnd = "Answered"


@dataclass(frozen=True)
class ReviewResult:
    """The answer of the API server to a May; `user` is the user that is not allowed."""

    allowed: bool
    user: str = ""


@dataclass(frozen=True)
class Denied:
    """The answer to a query that the operator is not allowed to make."""

    reason: Reason
    message: str


class NeedsRead(Exception):  # noqa: N818 # not an error: a decision is to be made again with the answers to `queries`
    """A decision needs more reads; if it is not `urgent`, an answer of a few seconds ago is good enough."""

    def __init__(self, queries: Iterable[Query], *, urgent: bool = True) -> None:
        self.queries, self.urgent = frozenset(queries), urgent
        super().__init__(", ".join(sorted(map(str, self.queries))))


def read_together(*looks: Callable[[], Any]) -> tuple[Any, ...]:
    """Return the result of each call; the missing reads of all of them are raised as one NeedsRead."""
    found, needed = [], set[Query]()
    for look in looks:
        try:
            found.append(look())
        except NeedsRead as more:
            needed |= more.queries
    if needed:
        raise NeedsRead(needed)
    return tuple(found)
