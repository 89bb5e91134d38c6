"""One field of an engagement: its live value in the snapshot, and the other holds on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from runbook_operator.actions import REGISTRY, Action
from runbook_operator.api.switch import FieldRecord, Record
from runbook_operator.automation.desired_state import should_be_engaged
from runbook_operator.core import field_paths, field_values
from runbook_operator.core.desired_fields import OBJECT, TEMPLATE, Refused
from runbook_operator.core.observed_object import REPLICAS, Missing, ObservedObject
from runbook_operator.core.queries import NeedsRead, Read
from runbook_operator.core.references import Ref
from runbook_operator.core.write_failures import Accepted, FieldKey, WriteHistory
from runbook_operator.holds.held_values import stored, without
from runbook_operator.reconcile.snapshot import Claim, Order, Snapshot, order
from runbook_operator.switches import altered_by_admission

NOTHING = WriteHistory()


@dataclass(frozen=True)
class HeldField:
    """A field of a record at its index; dropped fields have negative indexes, which sort before all others."""

    snapshot: Snapshot
    record: Record
    index: int
    entry: FieldRecord

    @property
    def action(self) -> type[Action]:
        return REGISTRY[self.entry.action]

    @property
    def ref(self) -> Ref:
        return self.entry.ref(self.snapshot.switch.meta.ref.namespace)

    @property
    def field_key(self) -> FieldKey:
        return (self.ref, self.entry.field)

    @property
    def write_history(self) -> WriteHistory:
        return self.snapshot.write_histories.get(self.field_key, NOTHING)

    @property
    def accepted(self) -> Accepted | None:
        """The last accepted write to this field of this object; for a whole object, uids are not compared."""
        found = self.write_history.accepted
        is_other = found is not None and not self.is_object and self.saved is not None and found.uid != self.saved.uid
        return None if is_other else found

    @property
    def unplanned(self) -> bool:
        """True if the field is not written: its value is not planned yet, or another switch holds the field."""
        return self.entry.result in ("Waiting", "Skipped")

    @property
    def is_object(self) -> bool:
        return not self.unplanned and self.entry.field == OBJECT

    @property
    def is_made_once(self) -> bool:
        """True if it is an object that is created once for this engagement, and never again."""
        return not self.unplanned and self.entry.desired("").is_made_once

    @cached_property
    def target(self) -> ObservedObject | Missing:
        """The object. This property, and each that uses it, raises NeedsRead if the object must be read first."""
        field, asked = self.entry.field, Read(self.ref)
        found = self.snapshot.require(self.ref, whole=field != REPLICAS)
        if isinstance(found, ObservedObject) and not found.is_readable(field) and asked not in self.snapshot.answers:
            raise NeedsRead([asked])
        return field_values.nothing(self.ref) if self.is_object and isinstance(found, Missing) else found

    @property
    def saved(self) -> ObservedObject | None:
        """The object whose value was saved, None if it is gone or another object has its name."""
        if self.unplanned or isinstance(self.target, Missing):
            return None
        if self.is_made_once and self.entry.uid not in (None, self.target.uid):
            return field_values.nothing(self.ref)
        return self.target if self.is_object or self.target.uid == self.entry.uid else None

    @property
    def is_foreign(self) -> bool:
        """True if the object is to be made once, and an object of its name exists that is not this switch's."""
        if not self.is_made_once or self.saved is None or not self.saved.body:
            return False
        owners = self.saved.body["metadata"].get("ownerReferences", ())
        return not any(one.get("uid") == self.snapshot.switch.meta.uid for one in owners)

    @property
    def live(self) -> Any:
        """The field's value now; use it only if the target exists."""
        assert isinstance(self.target, ObservedObject)  # noqa: S101 # callers know that it exists
        return field_values.live(self._without_other_holds(self.target), self.entry.field)

    @property
    def mark(self) -> Any:
        """The live value, in the form in which a record may store it."""
        assert isinstance(self.target, ObservedObject)  # noqa: S101 # as for live
        return field_values.mark(self._without_other_holds(self.target), self.entry.field)

    @property
    def without_other_holds(self) -> ObservedObject:
        """The saved object without other holds inside this field; use it only if the object exists."""
        assert self.saved  # noqa: S101 # callers know that it exists
        return self._without_other_holds(self.saved)

    def _without_other_holds(self, observed: ObservedObject) -> ObservedObject:
        """Return the object without the values of other holds inside this field: a flag in a template is no drift."""
        return without(observed, reversed(self._claims_inside(observed)))

    def inside(self, observed: ObservedObject) -> list[Claim]:
        """Return the holds inside this pod template whose values the object shows, in their order."""
        return [one for one in self._claims_inside(observed) if field_values.shows(observed, one.field, one.held)]

    def _claims_inside(self, observed: ObservedObject) -> list[Claim]:
        every = (*self.snapshot.claims, *_own(self)) if self.entry.field == TEMPLATE else ()
        inside = (one for one in every if one.uid == observed.uid and one.field.startswith(f"{TEMPLATE}."))
        return sorted(inside, key=lambda one: one.order)

    @property
    def is_held(self) -> bool:
        """True if the saved object shows the held value."""
        if self.saved is None:
            return False
        if self.is_made_once:
            return (bool(self.saved.body) and not self.is_foreign) or self.entry.uid is not None
        if self.is_object and self.entry.held is None:
            return self.saved.uid != self.entry.uid or is_going(self.saved)
        return self.shows(self.entry.held) or self._suffices(self.entry.held)

    def shows(self, value: Any) -> bool:
        """True if the saved object shows this value."""
        return self.saved is not None and field_values.shows(
            self._without_other_holds(self.saved), self.entry.field, value
        )

    @property
    def is_admitted(self) -> bool:
        """True if the saved object shows the value that admission made of the last accepted write.

        The operator remembers that value at once, and records it with the next status.
        """
        accepted, admitted = self.accepted, self.entry.admitted
        return any(field_values.same(self.entry.field, one, self.mark) for one in stored(accepted, admitted))

    def _suffices(self, value: Any) -> bool:
        """True if the object shows this value with additions by admission."""
        admitted = self.entry.admitted
        if admitted is None or not admitted.suffices or not field_values.same(self.entry.field, admitted.asked, value):
            return False
        return self.is_admitted

    @property
    def is_engaging(self) -> bool:
        """True if the field should have the held value, and not the value after a release."""
        return self.index >= 0 and should_be_engaged(self.snapshot)

    @property
    def desired(self) -> Any:
        """The value that the field should have now."""
        return self.entry.held if self.is_engaging else self.value_after_release

    @property
    def order(self) -> Order:
        return order(self.record, self.index)

    @cached_property
    def rivals(self) -> tuple[Claim, ...]:
        """Other holds on the same field of the same object, by this switch and by others, in their order."""
        same_field = (self.entry.uid, self.entry.field)
        claims = (*self.snapshot.claims, *_own(self))
        return tuple(sorted((c for c in claims if (c.uid, c.field) == same_field), key=lambda c: c.order))

    @property
    def overruled(self) -> bool:
        """True if a later hold determines the field: the later engagement wins.

        False if the later hold has restored this one's value already, which its status may not show yet.
        """
        later = [claim for claim in self.rivals if claim.order > self.order]
        if self.entry.mode == "Once" or not later:
            return False
        return not self.is_held or field_values.same(self.entry.field, self.entry.held, later[-1].held)

    @property
    def heir(self) -> Claim | None:
        """The hold of another switch that determines the field once this one is released."""
        others = [claim for claim in self.rivals if claim.switch != self.snapshot.switch.meta.ref]
        return next((claim for claim in reversed(others) if self.overruled or claim.order < self.order), None)

    @property
    def deviates(self) -> bool:
        """True if the saved object shows another value than this field should have."""
        if self.entry.mode == "Once" and self.entry.result == "Applied":
            return False
        if self.saved is None or self.overruled or self.is_held:
            return False
        return self.entry.result != "Applied" or self.action.wants(self.entry.desired(self.ref.namespace), self.saved)

    @property
    def value_after_release(self) -> Any:
        """The value that a release leaves in the field: that of an earlier hold, or else the saved one."""
        earlier = [claim for claim in self.rivals if claim.order < self.order]
        return earlier[-1].held if earlier else self.entry.saved

    @property
    def is_as_saved(self) -> bool:
        """True if the saved object still shows the value before the write: the saved one or an earlier hold's."""
        return self.saved is not None and field_values.same(self.entry.field, self.live, self.value_after_release)

    @property
    def restorable(self) -> bool:
        """True if a release has something to write: the field shows the held value, or admission's version of it."""
        if self.is_made_once:
            return self.is_revoked
        if self.entry.mode != "Hold" or self.saved is None or self.overruled:
            return False
        if not (self.is_held or self.is_admitted or self._is_own_write):
            return False
        if self.is_object:
            return bool(self.saved.body) and not is_going(self.saved)
        return not self.is_restored(self.value_after_release)

    @property
    def _is_own_write(self) -> bool:
        """True if an earlier process of the operator wrote the field last, and admission changed its value."""
        asked = None if self.is_engaging or self.is_as_saved else self.value_after_release
        return altered_by_admission.is_of_operator(self.snapshot, self.saved, self.entry.field, asked)

    def is_restored(self, value: Any) -> bool:
        """True if the saved object shows a value that a release leaves."""
        return field_values.same(self.entry.field, self.live, value) or self._suffices(value)

    @property
    def is_revoked(self) -> bool:
        """True if a release deletes the object: it is made once and has not begun its work."""
        if self.saved is None or not self.saved.body or is_going(self.saved) or self.is_foreign:
            return False
        return self.action.revokes(self.entry.desired(self.ref.namespace), self.saved)

    @property
    def waiting(self) -> bool:
        """True if the field was not written yet and there is no object to write to."""
        return self.entry.result == "Waiting" or (self.entry.result == "Pending" and self.saved is None)

    def obstacle(self, value: Any) -> Refused | None:
        """Return why this value cannot be written now, None if it can."""
        if self.saved is None or self.entry.field in (OBJECT, REPLICAS):
            return None
        try:
            field_values.effect(self.saved, [(self.entry.field, value)], self.snapshot.answers)
        except Refused as refused:
            return refused
        except field_paths.FieldError as error:
            return Refused(error.reason, f"{self.ref}: {error}")
        return None


def is_going(observed: ObservedObject) -> bool:
    """True if the object is being deleted and still exists."""
    return "deletionTimestamp" in observed.body.get("metadata", {})


def held_fields(snapshot: Snapshot, record: Record) -> tuple[HeldField, ...]:
    """Return the fields of a record in their order."""
    return tuple(HeldField(snapshot, record, index, entry) for index, entry in enumerate(record.actions))


def dropped(snapshot: Snapshot, record: Record) -> tuple[HeldField, ...]:
    """Return the fields that an edit of the Runbook removed and that are not restored yet."""
    return tuple(HeldField(snapshot, record, -1 - index, entry) for index, entry in enumerate(record.dropped))


def read_together(first: HeldField, others: Sequence[HeldField]) -> Iterator[HeldField]:
    """Yield the field, and the fields directly after it that the same write changes."""
    yield first
    for other in others:
        if other.ref != first.ref or not field_values.belong_together(first.entry.field, other.entry.field, first.ref):
            return
        yield other


def _own(held_field: HeldField) -> Iterator[Claim]:
    """Yield the other holds of this engagement; in a release only the last one on a field has something to restore."""
    snapshot, record = held_field.snapshot, held_field.record
    releasing, switch = not should_be_engaged(snapshot), snapshot.switch.meta.ref
    for other in (*held_fields(snapshot, record), *dropped(snapshot, record)):
        entry = other.entry
        if other.index == held_field.index or (releasing and other.index < held_field.index) or entry.mode == "Once":
            continue
        if entry.uid:
            values = (entry.uid, entry.field, entry.saved, entry.held)
            yield Claim(switch, other.order, *values, admitted=entry.admitted)
