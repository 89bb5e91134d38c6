"""Base class of sources: turn a spec into a read request, and the result of the read into a number."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.monitors import AskObject, AskPods
from runbook_operator.core.rbac_rules import READ, Right
from runbook_operator.core.references import Ref
from runbook_operator.core.target_kinds import TargetRefs

REGISTRY: dict[str, type["Source"]] = {}
SHOWN = 3
"""Most names in the message about a number that is made of several things."""
NOWHERE = timedelta()

TargetName = Annotated[str, Field(min_length=1, max_length=63)]


class UnreadableSpecError(Exception):
    """A spec cannot be read from. `field` is a path below the source's kind; the message has the advice."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class NoNumberError(Exception):
    """No number was found. `reason` is one word; the message quotes nothing of what was read."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Found:
    """The result of a read, and its time. `before` is the `memory` of the previous Number, None if there is none.

    `what` is the body of an HTTP response as bytes, an ObservedObject for an AskObject, the bodies of pods for an
    AskPods.
    """

    what: Any
    now: datetime
    worst: Literal["high", "low"] = "high"
    before: Any = None


@dataclass(frozen=True)
class Number:
    """A number; `series` names what it is made of, and `memory` is passed on to the next reading."""

    value: float
    series: str = ""
    memory: Any = None


WORKLOADS = (
    Right("apps", "deployments", READ),
    Right("apps", "statefulsets", READ),
    Right("apps", "daemonsets", ("get",)),
    Right("argoproj.io", "rollouts", ("get",)),
    Right("argoproj.io", "rollouts/scale", ("get",)),
)
"""Rights to read a target's workload."""


class Source(ABC):
    """One kind of source of numbers.

    Subclassing registers it: `kind` is the field's name in a metric, `Spec` the model below that field, the docstring
    its description in `kubectl explain`, and `rights` the permissions that it needs. Two sources of the same kind raise
    TypeError at import.
    """

    kind: ClassVar[str]
    Spec: ClassVar[type[ApiModel]]
    rights: ClassVar[tuple[Right, ...]] = ()
    over_http: ClassVar[bool] = False
    """True if it reads an HTTP response: the Spec then also has the fields of an HttpCheck."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.kind in REGISTRY:
            raise TypeError(f"two sources are called {cls.kind}: {REGISTRY[cls.kind].__name__} and {cls.__name__}")
        REGISTRY[cls.kind] = cls

    @staticmethod
    @abstractmethod
    def request(spec: Any, namespace: str, target: TargetRefs) -> AskObject | AskPods | None:
        """Return what to read in the Runbook's namespace, None for an HTTP response.

        `target` is the declared target that the spec names, if any. Raises UnreadableSpecError if nothing can be read.
        """

    @staticmethod
    @abstractmethod
    def number(spec: Any, found: Found) -> Number:
        """Return the number in what was read; raises NoNumberError."""

    @staticmethod
    def lookback(spec: Any) -> timedelta:  # noqa: ARG004 # the base signature
        """Return how long after an engagement the number still includes data from before it."""
        return NOWHERE


def require_ref(target: TargetRefs, ref: Ref | None, name: str) -> Ref:
    """Return `ref`, an object of the target; raises UnreadableSpecError if it is None. `name` is the target's field."""
    if ref is None:
        raise UnreadableSpecError("target", f"{target.name} has no {name}; add it in spec.targets")
    return ref


def named(names: list[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
