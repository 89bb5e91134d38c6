"""What an action wants of the cluster: values that fields are to have. The engine saves, writes, holds and restores."""

from dataclasses import dataclass
from typing import Any, Literal

from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

Mode = Literal["Hold", "Keep", "Once"]
OBJECT = ""
"""The field that is the whole object: held is its manifest, or None where it is not to be there."""
TEMPLATE = "spec.template"
"""The field of a pod template: its values are a Template, since a template may hold what no status should show."""


@dataclass(frozen=True)
class Aim:
    """`field` of `ref` (see core/field_paths) is to be `held`; None means absent.

    Hold: put back when somebody changes it, and restored at the end. Keep: put back meanwhile, and left at the end.
    Once: written once, and neither held nor restored; an object is then made once, and never again wherever it went.
    `last` where it makes the action's other aims take effect, as a restart does: it comes after them, at a release too.
    """

    ref: Ref
    field: str
    held: Any
    mode: Mode = "Hold"
    last: bool = False

    @property
    def is_made_once(self) -> bool:
        """Whether it is an object to be made for this one engagement, whose name follows from it."""
        return self.field == OBJECT and self.mode == "Once" and self.held is not None


@dataclass(frozen=True)
class Remark:
    """Something that a person should know about a throw, which is done all the same."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class Progress:
    """How far it is with what was written: in words, and whether the actions after it may begin.

    `failed` where it has ended and not well. `stuck` where nothing waits for it, and it does not go on as things are.
    """

    done: bool = True
    text: str = ""
    failed: Reason | None = None
    stuck: Reason | None = None


class Refused(Exception):  # noqa: N818 # the outcome of planning, not a fault of the program
    """An action cannot be done as things are; a later change of them is picked up by itself."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason, self.message = reason, message
        super().__init__(message)
