"""Track which kinds need a watch because they were used lately: in a namespace, or in all if many are used."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from runbook_operator.core.references import Ref
from runbook_operator.kube.dynamic_watcher import Kind

Gvk = tuple[str, str]
"""API version and kind."""


@dataclass
class WatchDemand:
    """The demand; `namespaces` are the served ones, which are watched one by one, empty for all of them."""

    namespaces: Sequence[str]
    most: int
    """The most used namespaces with a watch each. Beyond that, one watch covers all namespaces, which costs fewer
    connections. If the operator serves only some, each gets a watch: a replica that takes one over has its data."""
    unused: float
    """A kind that is unused for this many seconds needs no watch."""
    monotonic: Callable[[], float]
    _used: dict[Gvk, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    """The time of the last use, by kind and namespace."""

    def use(self, gvk: Gvk, namespace: str) -> bool:
        """Note a use; return True if the kind was not in use in this namespace."""
        is_new = namespace not in self._used[gvk]
        self._used[gvk][namespace] = self.monotonic()
        return is_new

    def kind(self, gvk: Gvk, namespace: str) -> Kind:
        """Return the watch that covers the kind in this namespace."""
        return (*gvk, "" if self._is_everywhere(gvk) and not self.namespaces else namespace)

    def kinds(self) -> frozenset[Kind]:
        """Return the kinds to watch."""
        return frozenset(self.kind(gvk, namespace) for gvk in self._used for namespace in self._watched(gvk))

    def _watched(self, gvk: Gvk) -> Iterable[str]:
        """Return the namespaces in which the kind must be known."""
        used = self._used[gvk]
        return {*used, *self.namespaces} if self._is_everywhere(gvk) else used

    def _is_everywhere(self, gvk: Gvk) -> bool:
        return len(self._used[gvk]) > self.most

    def forget(self) -> bool:
        """Drop unused kinds; return True if the set of needed watches has changed."""
        before, oldest = self.kinds(), self.monotonic() - self.unused
        for gvk, used in self._used.items():
            self._used[gvk] = {namespace: at for namespace, at in used.items() if at > oldest}
        return self.kinds() != before

    def uncovered(self, refs: Iterable[Ref]) -> list[Ref]:
        """Return the objects that no needed watch covers."""
        held = self.kinds()
        return [ref for ref in refs if held.isdisjoint((ref.api_version, ref.kind, one) for one in (ref.namespace, ""))]
