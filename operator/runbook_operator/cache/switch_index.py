"""Index Switches by Runbook, by trait, and those that may be engaged, so that no decision scans all of them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from runbook_operator.api.parsing import SwitchObject
from runbook_operator.core.references import Ref

Key = TypeVar("Key", Ref, str)
Switches = dict[Ref, SwitchObject]
Trait = Callable[[SwitchObject], bool]


@dataclass
class Index:
    """The index, which the store updates with each Switch."""

    _of: dict[Ref, Switches] = field(default_factory=lambda: defaultdict(dict))
    _engaged: dict[str, Switches] = field(default_factory=lambda: defaultdict(dict))
    _counted: list[tuple[Trait, set[Ref]]] = field(default_factory=list)
    """The Switches that have a trait, by trait."""

    def put(self, switch: SwitchObject, before: SwitchObject | None) -> None:
        """Add or replace a Switch; it may name another Runbook than `before`."""
        if before is not None:
            self.drop(before)
        ref = switch.meta.ref
        self._of[switch.runbook][ref] = switch
        if switch.status.record is not None or switch.maybe_thrown:
            self._engaged[ref.namespace][ref] = switch
        for trait, found in self._counted:
            if trait(switch):
                found.add(ref)

    def drop(self, switch: SwitchObject) -> None:
        """Remove a Switch."""
        ref = switch.meta.ref
        _take(self._of, switch.runbook, ref)
        _take(self._engaged, ref.namespace, ref)
        for _, found in self._counted:
            found.discard(ref)

    def count(self, trait: Trait, known: Iterable[SwitchObject]) -> Callable[[], int]:
        """Count the Switches with the trait from now on, beginning with `known`; return a function for the count."""
        found = {switch.meta.ref for switch in known if trait(switch)}
        self._counted.append((trait, found))
        return lambda: len(found)

    def of(self, runbook: Ref) -> Mapping[Ref, SwitchObject]:
        """Return the Switches that name the Runbook."""
        return self._of.get(runbook, {})

    def engaged(self, namespace: str) -> Mapping[Ref, SwitchObject]:
        """Return the Switches of the namespace that have a record, or may have written targets before it was stored."""
        return self._engaged.get(namespace, {})


def _take(found: dict[Key, Switches], key: Key, ref: Ref) -> None:
    held = found.get(key, {})
    held.pop(ref, None)
    if not held:
        found.pop(key, None)
