"""The snapshots that decisions are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from runbook_operator.api.admission_changes import Admitted
from runbook_operator.api.incident_kind import IncidentObject
from runbook_operator.api.parsing import RunbookObject, SwitchObject
from runbook_operator.api.runbook import KillSwitch
from runbook_operator.api.switch import Record
from runbook_operator.core.installation import Installation
from runbook_operator.core.monitors import Key, MonitorState
from runbook_operator.core.observed_object import Missing, ObservedObject, observed_from
from runbook_operator.core.queries import Find, NeedsRead, Query, Read
from runbook_operator.core.query_languages import Languages
from runbook_operator.core.references import Meta, Ref
from runbook_operator.core.signals import Signal
from runbook_operator.core.write_failures import FieldKey, WriteHistory
from runbook_operator.reconcile import acting_identity
from runbook_operator.reconcile.contest_backoff import Backoff, ContestBackoff

Order = tuple[str, str, int]
BUDGETED = timedelta(hours=1)
"""The period of the budgets of automatic engagements."""


def order(record: Record, index: int) -> Order:
    """Return the sort key of holds on one field: begin of the engagement, its id, then the index in its record."""
    return (record.engaged_at, record.engagement_id, index)


@dataclass(frozen=True)
class Claim:
    """A hold on one field of one object.

    `order` sorts claims by their begin; `about` are the objects of the target of its action. `since` is the begin of
    the engagement, RFC 3339, empty while it has no record; `reason` is its reason. `releasing` is True if the switch is
    to be released.
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
    admitted: Admitted | None = None


@dataclass(frozen=True)
class Policy:
    """The settings of the administrator: the back-off of contests, and when a deletion stops waiting for a restore.

    Progress is reported only if it takes longer than `progress_pause`, and at most once in that time. Limits of
    automatic engagements: how many Runbooks may have one at once, and how many may begin in the cluster within an hour.
    If it `requires_account`, nothing is done for a Runbook that names no service account.
    """

    budget: ContestBackoff = field(default_factory=Backoff)
    restore_deadline: timedelta = timedelta(seconds=60)
    progress_pause: timedelta = timedelta(seconds=2)
    acting_per_namespace: int = 5
    acting_in_cluster: int = 20
    acts_per_hour: int = 60
    requires_account: bool = False
    installation: Installation = field(default_factory=Installation)


@dataclass(frozen=True)
class AutomaticEngagements:
    """The automatic engagements, with those that are about to be written for other switches.

    `acting` are the Runbooks that have one now. The other fields are when engagements began within the last hour, the
    oldest first: those of this Runbook, and all.
    """

    acting: frozenset[Ref] = frozenset()
    of_runbook: tuple[datetime, ...] = ()
    of_all: tuple[datetime, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """The snapshot on which the next step of a switch depends.

    `claims` are the holds of other switches. `latency` is the milliseconds from the watch event of the throw to the
    first accepted write, None if this process got no such event. `answers` are those to the queries of this visit. If
    the snapshot is not `thorough`, an idle switch keeps its previous status where a new one would need reads.
    """

    switch: SwitchObject
    runbook: RunbookObject | None
    observed: Mapping[Ref, ObservedObject | Missing]
    claims: tuple[Claim, ...]
    now: datetime
    new_id: str
    latency: int | None = None
    signals: tuple[Signal, ...] = ()
    write_histories: Mapping[FieldKey, WriteHistory] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    languages: Languages = field(default_factory=dict)
    answers: Mapping[Query, Any] = field(default_factory=dict)
    thorough: bool = True
    automatic_engagements: AutomaticEngagements = field(default_factory=AutomaticEngagements)
    maybe_written: bool = True
    """True if a throw may have acted that the status does not show."""
    unsettled: str = ""
    """The step that the last visit repeated without an end; empty if it settled."""
    knows_all_writes: bool = False
    """True if this leader has visited the switch without an engagement, so that it knows of every write of this one."""

    @property
    def actor(self) -> Meta:
        """The operator's own object that is reconciled, and that writes are done for."""
        return self.switch.meta

    @property
    def record(self) -> Record | None:
        return self.switch.status.record

    @property
    def deleting(self) -> bool:
        return self.switch.meta.deleting

    @property
    def entry(self) -> KillSwitch | None:
        """The declaration of this switch; None if the Runbook has none or is being deleted."""
        if self.runbook is None or self.runbook.meta.deleting:
            return None
        return self.runbook.entry(self.switch.spec.switch)

    @property
    def lacks_account(self) -> bool:
        """True if nothing may be set or held for the switch, for want of an account; a release needs none."""
        return self.policy.requires_account and acting_identity.of_switch(self.switch, self.runbook) is None

    @property
    def tracked(self) -> bool:
        """True if a delivery tool tracks a momentary switch: its next sync would throw it again."""
        return bool(self.switch.tracked_by) and self.entry is not None and self.entry.momentary

    @property
    def observing(self) -> bool:
        return bool(self.runbook and self.runbook.spec and self.runbook.spec.mode == "Observe")

    def require(self, ref: Ref, *, whole: bool = False) -> ObservedObject | Missing:
        """Return the object; raise NeedsRead if it has to be read first."""
        found = self.listed(ref) if whole and ref not in self.observed else None
        return found or require(self.observed, ref, whole=whole)

    def listed(self, ref: Ref) -> ObservedObject | None:
        """Return the object from a list of this visit, which saves a read; None if no list has it."""
        for query, found in self.answers.items():
            if isinstance(query, Find) and isinstance(found, tuple) and query.has(ref):
                body = next((one for one in found if one["metadata"]["name"] == ref.name), None)
                if body is not None:
                    return observed_from(body, whole=True)
        return None


@dataclass(frozen=True)
class RunbookSnapshot:
    """The snapshot on which the next step of a Runbook depends.

    `switches` by name: those of the Runbook, those that have one of its switch names, and those of Runbooks that share
    a target. `monitor_states` has none for an entry that has not been checked yet.
    """

    runbook: RunbookObject
    switches: Mapping[str, SwitchObject]
    observed: Mapping[Ref, ObservedObject | Missing]
    now: datetime
    answers: Mapping[Query, Any] = field(default_factory=dict)
    thorough: bool = True
    monitor_states: Mapping[Key, MonitorState] = field(default_factory=dict)
    write_histories: Mapping[FieldKey, WriteHistory] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    languages: Languages = field(default_factory=dict)
    unsettled: str = ""
    """The step that the last visit repeated without an end; empty if it settled."""
    incidents: tuple[IncidentObject, ...] = ()
    """The Incidents of the Runbook."""

    @property
    def actor(self) -> Meta:
        """The operator's own object that is reconciled, and that writes are done for."""
        return self.runbook.meta

    @property
    def lacks_account(self) -> bool:
        """True if nothing may be set or held for the Runbook, for want of an account."""
        return self.policy.requires_account and acting_identity.declared(self.runbook) is None

    def require(self, ref: Ref) -> ObservedObject | Missing:
        """Return the object; raise NeedsRead if it has to be read first."""
        return require(self.observed, ref)


def require(
    observed: Mapping[Ref, ObservedObject | Missing], ref: Ref, *, whole: bool = False
) -> ObservedObject | Missing:
    """Return the object at `ref`; raise NeedsRead if it was not read: an object that was not read is not absent."""
    found = observed.get(ref)
    if found is None or (whole and isinstance(found, ObservedObject) and not found.whole):
        raise NeedsRead([Read(ref)])
    return found


def suspended(runbook: RunbookObject, now: datetime) -> bool:
    """True if the Runbook suspends its automation at this time."""
    suspend = runbook.spec.suspend if runbook.spec else None
    return suspend is not None and (suspend.until is None or now < suspend.until)
