"""Every reason that a condition or an Event can carry, and the only source of them."""

from enum import StrEnum


class Reason(StrEnum):
    """CamelCase reasons. `docs/reference/reasons.md` says what a person does about each."""

    READY = "Ready"
    TARGET_NOT_FOUND = "TargetNotFound"
    KIND_NOT_FOUND = "KindNotFound"
    NOT_SCALABLE = "NotScalable"
    INVALID_SPEC = "InvalidSpec"
    NAME_COLLISION = "NameCollision"
    RUNBOOK_NOT_FOUND = "RunbookNotFound"
    SWITCH_NOT_DECLARED = "SwitchNotDeclared"
    ENGAGING = "Engaging"
    ENGAGED = "Engaged"
    RELEASED = "Released"
    DONE = "Done"
    OBSERVING = "Observing"
    PUT_BACK = "PutBack"
    RESTORED = "Restored"
    RESTORE_SKIPPED = "RestoreSkipped"
    FORBIDDEN = "MissingRights"
    REFUSED = "WriteRefused"
