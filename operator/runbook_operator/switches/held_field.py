"""One field of an engagement, seen in the world as it is: what its object shows, and who else holds it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from runbook_operator.actions import REGISTRY, Action
from runbook_operator.api.switch import Entry, Record
from runbook_operator.automation.desired_state import wanted
from runbook_operator.core import field_paths, field_values
from runbook_operator.core.desired_fields import OBJECT, TEMPLATE, Refused
from runbook_operator.core.observed_object import REPLICAS, Missing, Seen
from runbook_operator.core.queries import Read, Unread
from runbook_operator.core.references import Ref
from runbook_operator.core.write_failures import Accepted, Effort, Place
from runbook_operator.reconcile.snapshot import Claim, Order, World, order
from runbook_operator.switches import altered_by_admission

NOTHING = Effort()


@dataclass(frozen=True)
class Part:
    """An entry of a record at its place in the order; entries that were dropped have places before all others."""

    world: World
    record: Record
    index: int
    entry: Entry

    @property
    def action(self) -> type[Action]:
        return REGISTRY[self.entry.action]

    @property
    def ref(self) -> Ref:
        return self.entry.ref(self.world.switch.meta.ref.namespace)

    @property
    def place(self) -> Place:
        return (self.ref, self.entry.field)

    @property
    def effort(self) -> Effort:
        return self.world.efforts.get(self.place, NOTHING)

    @property
    def accepted(self) -> Accepted | None:
        """The last accepted write to the field of this very object; an object that is made has no uid before."""
        found = self.effort.accepted
        is_other = found is not None and not self.is_object and self.saved is not None and found.uid != self.saved.uid
        return None if is_other else found

    @property
    def unplanned(self) -> bool:
        """True if nothing is written for it: it is not known yet what, or another switch holds the field."""
        return self.entry.result in ("Waiting", "Skipped")

    @property
    def is_object(self) -> bool:
        return not self.unplanned and self.entry.field == OBJECT

    @property
    def is_made_once(self) -> bool:
        """Whether it stands for an object that is made for this engagement: whatever becomes of it, it is made once."""
        return not self.unplanned and self.entry.aim("").is_made_once

    @cached_property
    def target(self) -> Seen | Missing:
        field, asked = self.entry.field, Read(self.ref)
        found = self.world.look(self.ref, whole=field != REPLICAS)
        if isinstance(found, Seen) and not found.is_readable(field) and asked not in self.world.answers:
            raise Unread([asked])
        if self.is_object and isinstance(found, Missing):
            return field_values.nothing(self.ref)
        return found

    @property
    def saved(self) -> Seen | None:
        """The object that was saved, None where it is gone or another object has its name."""
        if self.unplanned or isinstance(self.target, Missing):
            return None
        if self.is_made_once and self.entry.uid not in (None, self.target.uid):
            return field_values.nothing(self.ref)
        return self.target if self.is_object or self.target.uid == self.entry.uid else None

    @property
    def is_foreign(self) -> bool:
        """True if somebody else's object has the name of one that is made once."""
        if not self.is_made_once or self.saved is None or not self.saved.body:
            return False
        owners = self.saved.body["metadata"].get("ownerReferences", ())
        return not any(one.get("uid") == self.world.switch.meta.uid for one in owners)

    @property
    def live(self) -> Any:
        """The field's value now; asked only where the saved object is there."""
        assert isinstance(self.target, Seen)  # noqa: S101 # see above
        return field_values.live(self._bare(self.target), self.entry.field)

    @property
    def mark(self) -> Any:
        """As live, in the way in which a record may have it."""
        assert isinstance(self.target, Seen)  # noqa: S101 # as above
        return field_values.mark(self._bare(self.target), self.entry.field)

    @property
    def bare(self) -> Seen:
        """The saved object as this part sees it; asked only where it is there."""
        assert self.saved  # noqa: S101 # as above
        return self._bare(self.saved)

    def _bare(self, seen: Seen) -> Seen:
        """The object without what other holds have put inside of this field: a flag in a pod template is no drift."""
        body = seen.body
        for claim in reversed(self.inside(seen)):
            body = field_paths.put(body, claim.field, claim.saved)
        return seen if body is seen.body else replace(seen, body=body)

    def inside(self, seen: Seen) -> list[Claim]:
        """The holds inside of this pod template that the object shows, in their order."""
        every = (*self.world.claims, *_own(self)) if self.entry.field == TEMPLATE else ()
        inside = (one for one in every if one.uid == seen.uid and one.field.startswith(f"{TEMPLATE}."))
        shown = (one for one in inside if field_values.live(seen, one.field) == one.held)
        return sorted(shown, key=lambda one: one.order)

    @property
    def is_held(self) -> bool:
        """Whether the saved object shows what is to be there."""
        if self.saved is None:
            return False
        if self.is_made_once:
            return (bool(self.saved.body) and not self.is_foreign) or self.entry.uid is not None
        if self.is_object and self.entry.held is None:
            return self.saved.uid != self.entry.uid or is_going(self.saved)
        return self.shows(self.entry.held) or self._suffices(self.entry.held)

    def shows(self, value: Any) -> bool:
        """True if the saved object shows this value."""
        return self.saved is not None and field_values.shows(self._bare(self.saved), self.entry.field, value)

    @property
    def is_admitted(self) -> bool:
        """True if the saved object shows what admission left of the last accepted write.

        That is remembered at once, and recorded with the next status.
        """
        accepted, admitted = self.accepted, self.entry.admitted
        left = [accepted.live] if accepted and accepted.changed else []
        left += [admitted.live] if admitted else []
        return any(field_values.same(self.entry.field, one, self.mark) for one in left)

    def _suffices(self, value: Any) -> bool:
        """True if it shows this value with something that admission added."""
        admitted = self.entry.admitted
        if admitted is None or not admitted.suffices or not field_values.same(self.entry.field, admitted.asked, value):
            return False
        return self.is_admitted

    @property
    def is_engaging(self) -> bool:
        """True if the value that is held is to be there, and not the one that a release leaves."""
        return self.index >= 0 and wanted(self.world)

    @property
    def asked(self) -> Any:
        """The value that the field should have now."""
        return self.entry.held if self.is_engaging else self.put_back_value

    @property
    def order(self) -> Order:
        return order(self.record, self.index)

    @cached_property
    def rivals(self) -> tuple[Claim, ...]:
        """Other holds on the same field of the same object, of this switch and of others, in their order."""
        wanted = (self.entry.uid, self.entry.field)
        claims = (*self.world.claims, *_own(self))
        return tuple(sorted((c for c in claims if (c.uid, c.field) == wanted), key=lambda c: c.order))

    @property
    def overruled(self) -> bool:
        """Whether a later hold has the field: the later engagement wins.

        One that has given it back to this one, and could not tell so yet, has it no more.
        """
        later = [claim for claim in self.rivals if claim.order > self.order]
        if self.entry.mode == "Once" or not later:
            return False
        return not self.is_held or field_values.same(self.entry.field, self.entry.held, later[-1].held)

    @property
    def heir(self) -> Claim | None:
        """The hold of another switch that has the field once this one is released."""
        others = [claim for claim in self.rivals if claim.switch != self.world.switch.meta.ref]
        return next((claim for claim in reversed(others) if self.overruled or claim.order < self.order), None)

    @property
    def deviates(self) -> bool:
        """Whether the saved object shows something else than what this part is to have there."""
        if self.entry.mode == "Once" and self.entry.result == "Applied":
            return False
        if self.saved is None or self.overruled or self.is_held:
            return False
        return self.entry.result != "Applied" or self.action.wants(self.entry.aim(self.ref.namespace), self.saved)

    @property
    def put_back_value(self) -> Any:
        """What a release leaves in the field: what an earlier hold still has there, or else what was saved."""
        earlier = [claim for claim in self.rivals if claim.order < self.order]
        return earlier[-1].held if earlier else self.entry.saved

    @property
    def is_as_saved(self) -> bool:
        """Whether the saved object still shows what it did when it was saved: what was there, or an earlier hold."""
        return self.saved is not None and field_values.same(self.entry.field, self.live, self.put_back_value)

    @property
    def restorable(self) -> bool:
        """True if a release has something to write: the field shows what was held, or what admission made of it."""
        if self.is_made_once:
            return self.is_revoked
        if self.entry.mode != "Hold" or self.saved is None or self.overruled:
            return False
        if not (self.is_held or self.is_admitted or self._is_own_write):
            return False
        if self.is_object:
            return bool(self.saved.body) and not is_going(self.saved)
        return not self.is_back(self.put_back_value)

    @property
    def _is_own_write(self) -> bool:
        """True if the last write of the field is an earlier process's: admission has changed what that asked for."""
        asked = None if self.is_engaging or self.is_as_saved else self.put_back_value
        return altered_by_admission.is_of_operator(self.world, self.saved, self.entry.field, asked)

    def is_back(self, value: Any) -> bool:
        """True if the saved object shows a value that a release leaves."""
        return field_values.same(self.entry.field, self.live, value) or self._suffices(value)

    @property
    def is_revoked(self) -> bool:
        """True if it was made once, has not begun its work, and does not outlive the release."""
        if self.saved is None or not self.saved.body or is_going(self.saved) or self.is_foreign:
            return False
        return self.action.revokes(self.entry.aim(self.ref.namespace), self.saved)

    @property
    def waiting(self) -> bool:
        """Whether it was not written yet and there is nothing to write to."""
        return self.entry.result == "Waiting" or (self.entry.result == "Pending" and self.saved is None)

    def obstacle(self, value: Any) -> Refused | None:
        """Why this value cannot be written as things are."""
        if self.saved is None or self.entry.field in (OBJECT, REPLICAS):
            return None
        try:
            field_values.effect(self.saved, [(self.entry.field, value)], self.world.answers)
        except Refused as refused:
            return refused
        except field_paths.FieldError as error:
            return Refused(error.reason, f"{self.ref}: {error}")
        return None


def is_going(seen: Seen) -> bool:
    """Whether it was deleted and is not gone yet."""
    return "deletionTimestamp" in seen.body.get("metadata", {})


def parts(world: World, record: Record) -> tuple[Part, ...]:
    """The fields of a record in their order."""
    return tuple(Part(world, record, index, entry) for index, entry in enumerate(record.actions))


def dropped(world: World, record: Record) -> tuple[Part, ...]:
    """What a change of the Runbook took away and is not put back yet."""
    return tuple(Part(world, record, -1 - index, entry) for index, entry in enumerate(record.dropped))


def together(first: Part, others: Sequence[Part]) -> Iterator[Part]:
    """The part and those right after it whose fields are changed by the same write."""
    yield first
    for other in others:
        if other.ref != first.ref or not field_values.belong_together(first.entry.field, other.entry.field, first.ref):
            return
        yield other


def _own(part: Part) -> Iterator[Claim]:
    """Other fields of the same engagement; in a release only the last one on a field has something to put back."""
    releasing = not wanted(part.world)
    switch = part.world.switch.meta.ref
    for other in (*parts(part.world, part.record), *dropped(part.world, part.record)):
        entry = other.entry
        if other.index == part.index or (releasing and other.index < part.index) or entry.mode == "Once":
            continue
        if entry.uid:
            yield Claim(switch, other.order, entry.uid, entry.field, entry.saved, entry.held)
