"""What a decision may ask of the cluster before it decides. Asking is raising Unread: who decides does no I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from runbook_operator.core.accounts import Account
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.writes import Effect


@dataclass(frozen=True)
class Read:
    """One object as a whole. The answer is a Seen or a Missing, which World.look then gives."""

    ref: Ref


@dataclass(frozen=True)
class Find:
    """Every object of a kind in one namespace, as bodies; none where the cluster does not serve the kind."""

    api_version: str
    kind: str
    namespace: str
    labels: str = ""
    fields: str = ""

    def has(self, ref: Ref) -> bool:
        """Whether the object is one of those that it asks for, if its labels and fields are."""
        return (self.api_version, self.kind, self.namespace) == (ref.api_version, ref.kind, ref.namespace)


@dataclass(frozen=True)
class Probe:
    """Whether a Service of the namespace answers an HTTP GET. The answer is an Answering; no body is kept."""

    service: Ref
    port: str
    path: str


@dataclass(frozen=True)
class May:
    """Whether who is acted for may do this to the object of that name, or to all of the namespace where it has none.

    `resource` is a plural, with its subresource after a slash. The answer is a Ruling.
    """

    verb: str
    group: str
    resource: str
    namespace: str
    name: str = ""


@dataclass(frozen=True)
class HasAccount:
    """Whether the service account exists. The answer is a Ruling, allowed also where the operator may not see it."""

    account: Account


@dataclass(frozen=True)
class DryRun:
    """True if the API server would take a write, which it does not store.

    It is that of the `number`, counted in a throw of the switch; the write itself is not compared, since it may hold
    the time of the throw. The answer is a Ruling, not allowed where nobody can tell, or a Denied.
    """

    switch: Ref
    number: int
    effect: Effect = field(compare=False, repr=False)


@dataclass(frozen=True)
class Admission:
    """The replicas that the API server would store if so many were written through the scale subresource.

    Nothing is written. The answer is a number, or a Denied.
    """

    ref: Ref
    uid: str
    replicas: int


Query = Read | Find | Probe | May | HasAccount | DryRun | Admission
End = Literal["Answered", "Unreachable", "Closed", "Late", "Unasked"]


@dataclass(frozen=True)
class Answering:
    """What came of a Probe: the status of the answer, or in a few words why there was none.

    Answered: something comes, though it may not be HTTP. Unreachable: no connection is made. Closed: one is, and ends
    without an answer. Late: one is, and nothing comes. Unasked: there is nothing that could be asked.
    """

    status: int | None
    why: str = ""
    end: End = "Answered"


@dataclass(frozen=True)
class Ruling:
    """What the API server says to a May; `user` is who may not."""

    allowed: bool
    user: str = ""


@dataclass(frozen=True)
class Denied:
    """The answer to a query that the operator may not ask."""

    reason: Reason
    message: str


class Unread(Exception):  # noqa: N818 # not an error: a decision is to be made again with the answers to `queries`
    """A decision needs to know more; where it is not `urgent`, as it was a few seconds ago will do."""

    def __init__(self, queries: Iterable[Query], *, urgent: bool = True) -> None:
        self.queries, self.urgent = frozenset(queries), urgent
        super().__init__(", ".join(sorted(map(str, self.queries))))


def together(*looks: Callable[[], Any]) -> tuple[Any, ...]:
    """What each of them gives; what is unread of all of them is asked for at once."""
    found, unread = [], set[Query]()
    for look in looks:
        try:
            found.append(look())
        except Unread as more:
            unread |= more.queries
    if unread:
        raise Unread(unread)
    return tuple(found)
