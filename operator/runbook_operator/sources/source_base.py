"""What a source is: how its spec becomes a request, and how what was read becomes a number."""

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
"""Of several things that a number is made of, so many are named."""
NOWHERE = timedelta()

TargetName = Annotated[str, Field(min_length=1, max_length=63)]


class UnfitError(Exception):
    """A spec cannot be asked for: the field, as a path from the source's name on, and what to do about it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class NoNumberError(Exception):
    """What was read has no number: `reason` in one word, the message a sentence that holds nothing of what was read."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Found:
    """What was read, and when. `before` is the `memory` of the number before, None where there was none.

    `what` is the body of an HTTP answer as bytes, a Seen for an AskObject, the bodies of pods for an AskPods.
    """

    what: Any
    now: datetime
    worst: Literal["high", "low"] = "high"
    before: Any = None


@dataclass(frozen=True)
class Number:
    """A number; `series` names what makes it, and `memory` is what the next one wants to know of this one."""

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
"""What reading a target's workload needs."""


class Source(ABC):
    """One way to a number.

    Subclassing registers it: `kind` is the member's name in a metric, `Spec` what stands below it, its docstring the
    description in `kubectl explain`, `rights` what the operator must be allowed for it. Two sources of one kind raise
    TypeError at import.
    """

    kind: ClassVar[str]
    Spec: ClassVar[type[ApiModel]]
    rights: ClassVar[tuple[Right, ...]] = ()
    over_http: ClassVar[bool] = False
    """Whether it reads an HTTP answer: then whom and how to ask is declared as for a check, beside the Spec."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.kind in REGISTRY:
            raise TypeError(f"two sources are called {cls.kind}: {REGISTRY[cls.kind].__name__} and {cls.__name__}")
        REGISTRY[cls.kind] = cls

    @staticmethod
    @abstractmethod
    def request(spec: Any, namespace: str, target: TargetRefs) -> AskObject | AskPods | None:
        """What is read in the Runbook's namespace, None where it is an HTTP answer.

        `target` is the declared one that the spec names, if it names one. Raises UnfitError where nothing can be read.
        """

    @staticmethod
    @abstractmethod
    def number(spec: Any, found: Found) -> Number:
        """The number in what was read; raises NoNumberError."""

    @staticmethod
    def lookback(spec: Any) -> timedelta:  # noqa: ARG004 # overridden
        """For how long after an act it still tells of what was before."""
        return NOWHERE


def part(target: TargetRefs, ref: Ref | None, name: str) -> Ref:
    """A part of the target that must be declared."""
    if ref is None:
        raise UnfitError("target", f"{target.name} has no {name}; add it in spec.targets")
    return ref


def named(names: list[str]) -> str:
    """The first few of them, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
