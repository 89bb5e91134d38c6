"""Check that a snapshot is current before a step: read each object that this leader knows only from a watch."""

from dataclasses import dataclass
from functools import partial

from runbook_operator.controller.object_reader import ObjectReader
from runbook_operator.core.observed_object import alike
from runbook_operator.kube import errors
from runbook_operator.reconcile import acting_identity
from runbook_operator.reconcile.freshness import is_record_read, unread_targets
from runbook_operator.reconcile.snapshot import RunbookSnapshot, Snapshot
from runbook_operator.reconcile.steps import Step
from runbook_operator.switches.restore_deadline import is_never_read


@dataclass
class FreshnessCheck:
    """The checks; reconcile/freshness.py decides what they read."""

    reader: ObjectReader

    async def is_record_current(self, snapshot: RunbookSnapshot | Snapshot) -> bool:
        """True if the record in the snapshot is current; reads the object first if only a watch has delivered it."""
        actor = snapshot.actor
        if is_record_read(snapshot, self.reader.read_versions.version(actor.ref)):
            return True
        await self.reader.read_own(actor.ref)
        now = self.reader.store.own(actor.ref)
        return now is not None and now.meta.resource_version == actor.resource_version

    async def are_targets_current(self, snapshot: Snapshot, step: Step) -> bool:
        """True if the targets are as in the snapshot; reads those first that only a watch has delivered."""
        current, account = True, acting_identity.of_switch(snapshot.switch, snapshot.runbook)
        version_read = partial(self.reader.read_versions.version, account=account)
        for ref, before in unread_targets(snapshot, step, self.reader.store.targets.get, version_read):
            try:
                observed = await self.reader.read_target(ref, account)
            except (errors.ForbiddenError, errors.UnavailableError):
                if not is_never_read(snapshot):
                    raise
                continue
            self.reader.note_read(snapshot.actor.ref, observed, account)
            current = current and alike(observed, before)
        return current
