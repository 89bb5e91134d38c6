"""What a decision looks at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.api.runbook import KillSwitch
from runbook_operator.api.switch import Record
from runbook_operator.core.installation import Installation
from runbook_operator.core.monitors import Key, Sense
from runbook_operator.core.observed_object import Missing, Seen, seen_of
from runbook_operator.core.queries import Find, Query, Read, Unread
from runbook_operator.core.references import Meta, Ref
from runbook_operator.core.signals import Signal
from runbook_operator.core.write_failures import Effort, Place
from runbook_operator.reconcile import acting_identity
from runbook_operator.reconcile.conflict_backoff import Backoff, FightBudget

Order = tuple[str, str, int]
BUDGETED = timedelta(hours=1)
"""Budgets of automatic engagements are for so long."""


def order(record: Record, index: int) -> Order:
    """What sorts holds on one field: by when the engagement began, then by the place in its list of actions."""
    return (record.engaged_at, record.engagement_id, index)


@dataclass(frozen=True)
class Claim:
    """A hold on one field of one object.

    `order` sorts by when it began; `about` are the parts of the target of its action. `since` is when the engagement
    began, RFC 3339, empty where no record has it yet, and `reason` is the one that was given for it. `releasing` where
    the switch is to be released.
    """

    switch: Ref
    order: Order
    uid: str
    field: str
    saved: Any
    held: Any
    action: str = ""
    about: tuple[Ref, ...] = ()
    since: str = ""
    reason: str = ""
    releasing: bool = False


@dataclass(frozen=True)
class Policy:
    """What the administrator decides: how fights are fought, and when a deletion stops waiting for a restore.

    What is reached within `progress_pause` is never told, and what takes longer is told so often at most. So many
    Runbooks may have an automatic engagement at once, and so many may begin in the cluster within an hour. Where it
    `requires_account`, nothing is done for a Runbook that names none.
    """

    budget: FightBudget = field(default_factory=Backoff)
    let_go_after: timedelta = timedelta(seconds=60)
    progress_pause: timedelta = timedelta(seconds=2)
    acting_per_namespace: int = 5
    acting_in_cluster: int = 20
    acts_per_hour: int = 60
    requires_account: bool = False
    installation: Installation = field(default_factory=Installation)


@dataclass(frozen=True)
class Acts:
    """What Runbooks do by themselves, with what is about to be written for other switches.

    `acting` are the Runbooks with an automatic engagement under way; the others are when such engagements began within
    the last hour, the oldest first: of this Runbook, and of all.
    """

    acting: frozenset[Ref] = frozenset()
    of_runbook: tuple[datetime, ...] = ()
    of_all: tuple[datetime, ...] = ()


@dataclass(frozen=True)
class World:
    """All that a switch's next step depends on.

    `claims` are the holds of other switches, `latency` the milliseconds from seeing the throw to the first accepted
    write, None where it was not seen live. `answers` are those to what was asked in this visit. Where the world is not
    `thorough`, an idle switch is not worth a read: what was last said about it stands.
    """

    switch: SwitchObject
    runbook: RunbookObject | None
    seen: Mapping[Ref, Seen | Missing]
    claims: tuple[Claim, ...]
    now: datetime
    new_id: str
    latency: int | None = None
    signals: tuple[Signal, ...] = ()
    efforts: Mapping[Place, Effort] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    answers: Mapping[Query, Any] = field(default_factory=dict)
    thorough: bool = True
    acts: Acts = field(default_factory=Acts)
    doubtful: bool = True
    """Whether a throw may have acted of which the status does not say so."""
    unsettled: str = ""
    """The step that the last visit repeated without an end; empty where it settled."""
    witnessed: bool = False
    """True if this process has seen the switch at rest, so that it knows of every write of the engagement."""

    @property
    def actor(self) -> Meta:
        """The object of ours that is looked at, and that writes are done for."""
        return self.switch.meta

    @property
    def record(self) -> Record | None:
        return self.switch.status.record

    @property
    def deleting(self) -> bool:
        return self.switch.meta.deleting

    @property
    def entry(self) -> KillSwitch | None:
        """What the Runbook declares for this switch now; None where it does not, or is going away."""
        if self.runbook is None or self.runbook.meta.deleting:
            return None
        return self.runbook.entry(self.switch.spec.switch)

    @property
    def barred(self) -> bool:
        """Whether nothing may be set or held for it: a release is never barred."""
        return self.policy.requires_account and acting_identity.of_switch(self.switch, self.runbook) is None

    @property
    def tracked(self) -> bool:
        """True if a delivery tool tracks a momentary switch: its next sync would throw it again."""
        return bool(self.switch.tracked_by) and self.entry is not None and self.entry.momentary

    @property
    def observing(self) -> bool:
        return bool(self.runbook and self.runbook.spec and self.runbook.spec.mode == "Observe")

    def look(self, ref: Ref, *, whole: bool = False) -> Seen | Missing:
        """What is there; raises Unread where it has to be read for that."""
        found = self.listed(ref) if whole and ref not in self.seen else None
        return found or look(self.seen, ref, whole=whole)

    def listed(self, ref: Ref) -> Seen | None:
        """What a list that was asked for in this visit has of it: no second request is needed for that."""
        for query, found in self.answers.items():
            if isinstance(query, Find) and isinstance(found, tuple) and query.has(ref):
                body = next((one for one in found if one["metadata"]["name"] == ref.name), None)
                if body is not None:
                    return seen_of(body, whole=True)
        return None


@dataclass(frozen=True)
class RunbookWorld:
    """All that a Runbook's next step depends on.

    `switches` are its own, those that have the names of its own, and those of everybody who shares a target, by name.
    `senses` is what is known of what it watches; of an entry that has not been asked yet there is none.
    """

    runbook: RunbookObject
    switches: Mapping[str, SwitchObject]
    seen: Mapping[Ref, Seen | Missing]
    now: datetime
    answers: Mapping[Query, Any] = field(default_factory=dict)
    thorough: bool = True
    senses: Mapping[Key, Sense] = field(default_factory=dict)
    efforts: Mapping[Place, Effort] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    unsettled: str = ""
    """As World.unsettled."""

    @property
    def actor(self) -> Meta:
        """As World.actor."""
        return self.runbook.meta

    @property
    def barred(self) -> bool:
        """As World.barred."""
        return self.policy.requires_account and acting_identity.declared(self.runbook) is None

    def look(self, ref: Ref) -> Seen | Missing:
        """As World.look."""
        return look(self.seen, ref)


def look(seen: Mapping[Ref, Seen | Missing], ref: Ref, *, whole: bool = False) -> Seen | Missing:
    """The object at `ref`. Raises Unread where the world does not have it: nothing counts as absent unseen."""
    found = seen.get(ref)
    if found is None or (whole and isinstance(found, Seen) and not found.whole):
        raise Unread([Read(ref)])
    return found


def suspended(runbook: RunbookObject, now: datetime) -> bool:
    """Whether the Runbook asks for nothing automatic at this time."""
    suspend = runbook.spec.suspend if runbook.spec else None
    return suspend is not None and (suspend.until is None or now < suspend.until)
