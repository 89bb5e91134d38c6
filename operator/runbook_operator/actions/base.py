"""What an action is: a lens on one field of a target, and how a spec turns into the value held there."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pydantic import Field

from runbook_operator.model.base import ApiModel
from runbook_operator.model.effects import Effect
from runbook_operator.model.seen import Seen

Value = Any

REGISTRY: dict[str, type["Action"]] = {}


class ActionSpec(ApiModel):
    """What every action's spec has: the declared target that it acts on."""

    target: str = Field(min_length=1, max_length=63, description="Name of an entry of spec.targets.")


class Action(ABC):
    """One thing that a switch can do to one field of its target.

    Subclassing registers it: `kind` is the member's name under `actions`, `Spec` what stands below it, its
    docstring the description in `kubectl explain`. Two actions of one kind raise TypeError at import.
    """

    kind: ClassVar[str]
    field: ClassVar[str]
    Spec: ClassVar[type[ActionSpec]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.kind in REGISTRY:
            raise TypeError(f"two actions are called {cls.kind}: {REGISTRY[cls.kind].__name__} and {cls.__name__}")
        REGISTRY[cls.kind] = cls

    @staticmethod
    @abstractmethod
    def read(seen: Seen) -> Value:
        """The field's live value."""

    @staticmethod
    @abstractmethod
    def resolve(spec: Any, live: Value) -> Value:
        """The absolute value to hold, from the spec and what was live when the switch was thrown."""

    @staticmethod
    @abstractmethod
    def write(seen: Seen, value: Value) -> Effect:
        """The write that sets the field, with the precondition that the target is still as seen."""

    @staticmethod
    @abstractmethod
    def describe(spec: Any) -> str:
        """What it does, as the few words that a printer column has room for."""
