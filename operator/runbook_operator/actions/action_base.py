"""Base class of actions: turn a spec into desired field values, from the objects as they are at the throw."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pydantic import Field

from runbook_operator.actions.action_rights import Right, needed
from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.core.desired_fields import DesiredField, Progress, Remark
from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.target_kinds import TargetRefs

REGISTRY: dict[str, type["Action"]] = {}
Plan = tuple[DesiredField | Remark, ...]
DONE = Progress()
WIDTH = 60


class ActionSpec(ApiModel):
    """The part that most actions' specs share: the declared target."""

    target: str = Field(min_length=1, max_length=63, description="Name of an entry of spec.targets.")


def short(words: str) -> str:
    """Return the text cut to the width of a printer column."""
    return words if len(words) <= WIDTH else f"{words[: WIDTH - 1]}…"


class Action(ABC):
    """One kind of action of a switch.

    Subclassing registers it: `kind` is the field's name under `actions`, `Spec` the model below that field, the
    docstring its description in `kubectl explain`, `reverts` what a release restores, and `rights` the permissions that
    it needs. Two actions of the same kind raise TypeError at import.
    """

    kind: ClassVar[str]
    Spec: ClassVar[type[ApiModel]]
    reverts: ClassVar[str]
    rights: ClassVar[tuple[Right, ...]]
    prepares: ClassVar[bool] = False
    """True if a release restores the fields it sets, so that their values can be saved before the throw."""
    paused_by: ClassVar[str] = ""
    """The field that keeps an object created by it from starting; it is set to false once the uid is recorded."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.kind in REGISTRY:
            raise TypeError(f"two actions are called {cls.kind}: {REGISTRY[cls.kind].__name__} and {cls.__name__}")
        REGISTRY[cls.kind] = cls

    @staticmethod
    @abstractmethod
    def plan(spec: Any, context: PlanContext) -> Plan:
        """Return the desired fields in the order of the writes, and remarks; a release works in reverse order.

        Raises Refused if the action is not possible now, and NeedsRead if the context must read something first.
        """

    @staticmethod
    @abstractmethod
    def describe(spec: Any) -> str:
        """Describe the action in the few words that a printer column has room for."""

    @classmethod
    def needs(cls, spec: Any, target: TargetRefs) -> tuple[Right, ...]:  # noqa: ARG003 # the base signature
        """Return the rights that this spec needs on this target; `rights` has those that any spec may need."""
        return needed(cls.rights, target)

    @staticmethod
    def wants(desired: DesiredField, observed: ObservedObject) -> bool:
        """True if a desired field that was reached and has drifted is to be reapplied."""
        return True

    @staticmethod
    def afterwards(spec: Any, context: PlanContext) -> tuple[Remark, ...]:
        """Return remarks that need reads; they are made after all writes, so that no throw waits for them."""
        return ()

    @staticmethod
    def revokes(desired: DesiredField, observed: ObservedObject) -> bool:
        """True if a release deletes the object that the action created: it has not started its work."""
        return False

    @staticmethod
    def progress(
        spec: Any, context: PlanContext, desired: DesiredField, observed: ObservedObject | Missing
    ) -> Progress:
        """Return the progress of a desired field after its write; called again whenever its object changes."""
        return DONE
