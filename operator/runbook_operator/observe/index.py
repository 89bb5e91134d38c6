"""Switches by their Runbook, and those that may be engaged: found without a look at every other of a namespace."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from runbook_operator.api.objects import SwitchObject
from runbook_operator.model.refs import Ref

Key = TypeVar("Key", Ref, str)
Switches = dict[Ref, SwitchObject]


@dataclass
class Index:
    """Kept as the store's Switches come and go."""

    _of: dict[Ref, Switches] = field(default_factory=lambda: defaultdict(dict))
    _engaged: dict[str, Switches] = field(default_factory=lambda: defaultdict(dict))

    def put(self, switch: SwitchObject, before: SwitchObject | None) -> None:
        """The Switch is like this now; which Runbook it names may have changed with it."""
        if before is not None:
            self.drop(before)
        ref = switch.meta.ref
        self._of[switch.runbook][ref] = switch
        if switch.status.record is not None or switch.is_in_doubt:
            self._engaged[ref.namespace][ref] = switch

    def drop(self, switch: SwitchObject) -> None:
        """The Switch is gone."""
        ref = switch.meta.ref
        _take(self._of, switch.runbook, ref)
        _take(self._engaged, ref.namespace, ref)

    def of(self, runbook: Ref) -> Mapping[Ref, SwitchObject]:
        """Those that name the Runbook."""
        return self._of.get(runbook, {})

    def engaged(self, namespace: str) -> Mapping[Ref, SwitchObject]:
        """Those of the namespace that have a record, or may have acted before they could write one."""
        return self._engaged.get(namespace, {})


def _take(found: dict[Key, Switches], key: Key, ref: Ref) -> None:
    held = found.get(key, {})
    held.pop(ref, None)
    if not held:
        found.pop(key, None)
