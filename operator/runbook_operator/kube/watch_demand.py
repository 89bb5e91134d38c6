"""What is to be watched since somebody has asked for it lately: a kind in a namespace, or in all where many are."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from runbook_operator.core.references import Ref
from runbook_operator.kube.dynamic_watcher import Kind

Gvk = tuple[str, str]
"""API version and kind."""


@dataclass
class Needs:
    """`namespaces` are those that are served, none for all of them, which are watched one by one."""

    namespaces: Sequence[str]
    most: int
    """Beyond so many, all namespaces are watched: by one watch, which is cheaper than a connection for each of them;
    where only some are served, each of those, so that whoever takes over in one of them finds it known."""
    unused: float
    """After so many seconds without a question nothing is needed any more."""
    monotonic: Callable[[], float]
    _used: dict[Gvk, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    """When somebody asked last, by kind and namespace."""

    def use(self, gvk: Gvk, namespace: str) -> bool:
        """Somebody asks; whether that is new."""
        is_new = namespace not in self._used[gvk]
        self._used[gvk][namespace] = self.monotonic()
        return is_new

    def kind(self, gvk: Gvk, namespace: str) -> Kind:
        """What is watched to know the kind in this namespace."""
        return (*gvk, "" if self._is_everywhere(gvk) and not self.namespaces else namespace)

    def kinds(self) -> frozenset[Kind]:
        """What is to be watched."""
        return frozenset(self.kind(gvk, namespace) for gvk in self._used for namespace in self._watched(gvk))

    def _watched(self, gvk: Gvk) -> Iterable[str]:
        """The namespaces of which something is to be known."""
        used = self._used[gvk]
        return {*used, *self.namespaces} if self._is_everywhere(gvk) else used

    def _is_everywhere(self, gvk: Gvk) -> bool:
        return len(self._used[gvk]) > self.most

    def forget(self) -> bool:
        """Let go of what nobody has needed for a while; whether other kinds are to be watched now."""
        before, oldest = self.kinds(), self.monotonic() - self.unused
        for gvk, used in self._used.items():
            self._used[gvk] = {namespace: at for namespace, at in used.items() if at > oldest}
        return self.kinds() != before

    def strangers(self, refs: Iterable[Ref]) -> list[Ref]:
        """Those of them of which no watch that is needed tells."""
        held = self.kinds()
        return [ref for ref in refs if held.isdisjoint((ref.api_version, ref.kind, one) for one in (ref.namespace, ""))]
