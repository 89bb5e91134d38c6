"""Cache of kinds with few, rarely changing objects, filled by watches, so that decisions need no list requests.

A kind is watched from its first query until it is unused for UNUSED seconds. If the operator may list a kind and not
watch it, or the watch is not up to date, the cache has no answer, and the kind is listed as usual.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from runbook_operator.core.queries import Find
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.kube.dynamic_watcher import Follower, Kind
from runbook_operator.kube.on_demand_cache import Body, OnDemandCache
from runbook_operator.kube.watch_demand import WatchDemand

RESTLESS = frozenset(
    {
        *(("v1", "Pod"), ("v1", "Secret"), ("v1", "ConfigMap"), ("batch/v1", "Job")),
        *(("apps/v1", "ReplicaSet"), ("apps/v1", "ControllerRevision")),
    }
)
"""Kinds whose objects are too many or too large to cache."""
MOST_NAMESPACES = 1
UNUSED = 1200.0
"""Twice the seconds between two deep checks at idle switches."""


@dataclass
class Catalogue(OnDemandCache):
    """The cache; it answers list queries."""

    lacks: Callable[[str], bool] = lambda _: False
    """True if the cluster is known not to serve that API version, so that a watch of it would fail."""
    _bodies: dict[Kind, dict[Ref, Body]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._needs = WatchDemand(self.namespaces, MOST_NAMESPACES, UNUSED, self.monotonic)
        # A missing right is reported by the list that is requested instead.
        expected = (errors.NotFoundError, errors.ForbiddenError)
        self.follower = Follower(
            self.paths, self, self.handle_event, self.seconds, self.resync, self.monotonic, expected=expected
        )

    def find(self, query: Find) -> tuple[Body, ...] | None:
        """Return all objects of the kind in the namespace; None if no watch is up to date."""
        gvk = (query.api_version, query.kind)
        if query.labels or query.fields or gvk in RESTLESS or self.lacks(query.api_version):
            return None
        if self._needs.use(gvk, query.namespace):
            self.follower.sync_watches()
        if self._needs.kind(gvk, query.namespace) not in self.follower.following:
            return None
        return tuple(self._bodies.get((*gvk, query.namespace), {}).values())

    def _put(self, ref: Ref, body: Body) -> None:
        """Store the object without managedFields, which are a third of most objects and never used here."""
        meta = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
        self._bodies.setdefault(_kind(ref), {})[ref] = {**body, "metadata": meta}

    def _drop(self, ref: Ref) -> None:
        within = self._bodies[_kind(ref)]
        del within[ref]
        if not within:
            del self._bodies[_kind(ref)]


def _kind(ref: Ref) -> Kind:
    return (ref.api_version, ref.kind, ref.namespace)
