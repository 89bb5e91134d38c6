"""The values that an action wants fields to have. The engine saves, writes, holds and restores them."""

from dataclasses import dataclass
from typing import Any, Literal

from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref

Mode = Literal["Hold", "Keep", "Once"]
OBJECT = ""
"""The field that is the whole object: its held value is the manifest, or None for no object."""
TEMPLATE = "spec.template"
"""The field of a pod template. Its values are digests, since a template may contain what no status may show."""


@dataclass(frozen=True)
class DesiredField:
    """The desired value `held` of `field` (see core/field_paths) of `ref`; None means absent.

    Hold: reapplied after drift, and restored at the release. Keep: reapplied after drift, and left at the release.
    Once: written once, neither held nor restored; an object is created once and never again, even if it is deleted.
    `last` is True if this write makes the other fields of the action take effect, as a restart does: it comes after
    them, at a release too.
    """

    ref: Ref
    field: str
    held: Any
    mode: Mode = "Hold"
    last: bool = False

    @property
    def is_made_once(self) -> bool:
        """True if it is an object to create once for this engagement, with a name derived from the engagement."""
        return self.field == OBJECT and self.mode == "Once" and self.held is not None


@dataclass(frozen=True)
class Remark:
    """A warning about a throw; the throw goes on nevertheless."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class Progress:
    """The progress of a written change as `text`; the next actions may begin if it is `done`.

    `failed` is the reason if the change has failed. `stuck` is the reason if it makes no progress and no action waits
    for it.
    """

    done: bool = True
    text: str = ""
    failed: Reason | None = None
    stuck: Reason | None = None


class Refused(Exception):  # noqa: N818 # the outcome of planning, not a fault of the program
    """An action cannot be done in the present state; it is planned again when that changes."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason, self.message = reason, message
        super().__init__(message)
