"""What an action is: how its spec turns into values that fields are to have, from what can be seen at the throw."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pydantic import Field

from runbook_operator.actions.action_rights import Right, needed
from runbook_operator.actions.plan_context import Scene
from runbook_operator.core.desired_fields import Aim, Progress, Remark
from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.observed_object import Missing, Seen
from runbook_operator.core.target_kinds import TargetRefs

REGISTRY: dict[str, type["Action"]] = {}
Plan = tuple[Aim | Remark, ...]
DONE = Progress()
WIDTH = 60


class ActionSpec(ApiModel):
    """What most actions' specs have: the declared target that they act on."""

    target: str = Field(min_length=1, max_length=63, description="Name of an entry of spec.targets.")


def short(words: str) -> str:
    """The words as a printer column has room for them."""
    return words if len(words) <= WIDTH else f"{words[: WIDTH - 1]}…"


class Action(ABC):
    """One thing that a switch can do.

    Subclassing registers it: `kind` is the member's name under `actions`, `Spec` what stands below it, its
    docstring the description in `kubectl explain`, `reverts` what a release does about it, `rights` what the operator
    must be allowed for it. Two actions of one kind raise TypeError at import.
    """

    kind: ClassVar[str]
    Spec: ClassVar[type[ApiModel]]
    reverts: ClassVar[str]
    rights: ClassVar[tuple[Right, ...]]
    prepares: ClassVar[bool] = False
    """True if it sets fields whose values a release restores, so that these can be saved before the throw."""
    paused_by: ClassVar[str] = ""
    """The field by which an object that is made once does nothing yet; it is set to false once its uid is recorded."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.kind in REGISTRY:
            raise TypeError(f"two actions are called {cls.kind}: {REGISTRY[cls.kind].__name__} and {cls.__name__}")
        REGISTRY[cls.kind] = cls

    @staticmethod
    @abstractmethod
    def plan(spec: Any, scene: Scene) -> Plan:
        """What is to be, in the order in which it is written; a release undoes it in the reverse order.

        Raises Refused where it cannot be done as things are, and Unread where the scene has to look closer first.
        """

    @staticmethod
    @abstractmethod
    def describe(spec: Any) -> str:
        """What it does, as the few words that a printer column has room for."""

    @classmethod
    def needs(cls, spec: Any, target: TargetRefs) -> tuple[Right, ...]:  # noqa: ARG003 # overridden
        """The rights without which this spec fails on this target; `rights` is what any spec may need."""
        return needed(cls.rights, target)

    @staticmethod
    def wants(aim: Aim, seen: Seen) -> bool:  # noqa: ARG004 # overridden
        """Whether an aim that was reached, and is not any more, is to be put back as things are now."""
        return True

    @staticmethod
    def afterwards(spec: Any, scene: Scene) -> tuple[Remark, ...]:  # noqa: ARG004 # overridden
        """Remarks that are looked up once everything is written, so that no throw waits for them."""
        return ()

    @staticmethod
    def revokes(aim: Aim, seen: Seen) -> bool:  # noqa: ARG004 # overridden
        """True if a release deletes an object that was made once: one that has not begun its work."""
        return False

    @staticmethod
    def progress(spec: Any, scene: Scene, aim: Aim, seen: Seen | Missing) -> Progress:  # noqa: ARG004 # overridden
        """How far it is with an aim that was written; asked again whenever what was seen changes."""
        return DONE
