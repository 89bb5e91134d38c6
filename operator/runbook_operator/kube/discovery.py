"""Map kinds to the resources that the API server serves, and objects to their paths."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.core.accounts import Account
from runbook_operator.core.references import GROUP, Ref
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.runtime import clock


@dataclass(frozen=True)
class Resource:
    """A kind as the API server serves it."""

    plural: str
    scalable: bool = False


NAMESPACE = ("v1", "Namespace")
SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
WITHIN = re.compile(r"/(?:api|apis/[^/]+)/[^/]+/namespaces/([^/]+)/")
BUILT_IN = {
    ("apps/v1", "Deployment"): Resource("deployments", scalable=True),
    ("apps/v1", "StatefulSet"): Resource("statefulsets", scalable=True),
    ("apps/v1", "DaemonSet"): Resource("daemonsets"),
    ("apps/v1", "ReplicaSet"): Resource("replicasets", scalable=True),
    ("apps/v1", "ControllerRevision"): Resource("controllerrevisions"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"): Resource("horizontalpodautoscalers"),
    ("batch/v1", "CronJob"): Resource("cronjobs"),
    ("batch/v1", "Job"): Resource("jobs"),
    ("networking.k8s.io/v1", "Ingress"): Resource("ingresses"),
    ("networking.k8s.io/v1", "NetworkPolicy"): Resource("networkpolicies"),
    ("policy/v1", "PodDisruptionBudget"): Resource("poddisruptionbudgets"),
    ("node.k8s.io/v1", "RuntimeClass"): Resource("runtimeclasses"),
    ("scheduling.k8s.io/v1", "PriorityClass"): Resource("priorityclasses"),
    ("v1", "ConfigMap"): Resource("configmaps"),
    ("v1", "Event"): Resource("events"),
    NAMESPACE: Resource("namespaces"),
    ("v1", "PersistentVolumeClaim"): Resource("persistentvolumeclaims"),
    ("v1", "Pod"): Resource("pods"),
    ("v1", "Secret"): Resource("secrets"),
    ("v1", "Service"): Resource("services"),
    ("v1", "ServiceAccount"): Resource("serviceaccounts"),
}

PLURALS = frozenset((api_version.rpartition("/")[0], found.plural) for (api_version, _), found in BUILT_IN.items())
"""Group and plural of the built-in resources, which every cluster serves."""


@dataclass
class Paths:
    """The resources of kinds. A kind that is not built in is discovered once, and again if it was absent.

    Most clusters lack most optional kinds, and a throw must not wait to find that out again: while the list of served
    groups is fresh, groups that are not in it are not requested.
    """

    kube: Kube
    fresh_seconds: float = 30.0
    """Seconds for which the list of groups counts."""
    monotonic: Callable[[], float] = clock.monotonic
    _known: dict[tuple[str, str], Resource] = field(default_factory=lambda: BUILT_IN | _registered())
    _served: frozenset[str] = frozenset()
    _until: float = -math.inf
    _plurals: dict[str, tuple[float, frozenset[str]]] = field(default_factory=dict)
    """The resources of each requested group, and until when they count."""

    def as_(self, account: Account | None) -> "Paths":
        """Return the same for requests in the name of the account; discovery uses the operator's own rights."""
        return replace(self, kube=self.kube.as_(account))

    async def refresh(self) -> None:
        """Read which groups are served; raises ApiError."""
        groups = (await self.kube.get("/apis"))["groups"]
        self._served = frozenset(version["groupVersion"] for group in groups for version in group["versions"])
        self._until = self.monotonic() + self.fresh_seconds

    async def resource(self, ref: Ref, *, surely: bool = True) -> Resource | None:
        """Return the resource of the kind, None if it is not served.

        Unless `surely`, a fresh list of groups is trusted, which may miss a kind that was added a moment ago.
        """
        key = (ref.api_version, ref.kind)
        if key in self._known:
            return self._known[key]
        if not surely and self.lacks(ref.api_version):
            return None
        found = await self._discover(*key)
        if found is not None:
            self._known[key] = found
        return found

    async def serves(self, group: str, plural: str) -> bool:
        """True if the cluster serves the resource in any version, or did lately; raises ApiError."""
        if (group, plural) in PLURALS or (group == GROUP and Resource(plural) in _registered().values()):
            return True
        now = self.monotonic()
        until, plurals = self._plurals.get(group, (-math.inf, frozenset[str]()))
        if until <= now:
            plurals = await self._of_group(group)
            self._plurals[group] = (now + self.fresh_seconds, plurals)
        return plural in plurals

    async def _of_group(self, group: str) -> frozenset[str]:
        """Return the plural names in all versions of the group; none if it is not served."""
        if self.monotonic() < self._until and not any(one.startswith(f"{group}/") for one in self._served):
            return frozenset()
        own = self.kube.as_(None)
        try:
            versions = [one["groupVersion"] for one in (await own.get(f"/apis/{group}"))["versions"]]
            found = [one["name"] for version in versions for one in (await own.get(prefix(version)))["resources"]]
        except errors.NotFoundError:
            return frozenset()
        return frozenset(found)

    def lacks(self, api_version: str) -> bool:
        """True if the cluster is known not to serve that API version; makes no request."""
        return "/" in api_version and api_version not in self._served and self.monotonic() < self._until

    async def _discover(self, api_version: str, kind: str) -> Resource | None:
        try:
            answer = await self.kube.as_(None).get(prefix(api_version))
        except errors.NotFoundError:
            return None
        names = {r["name"]: r["kind"] for r in answer["resources"]}
        plural = next((name for name, served in names.items() if served == kind and "/" not in name), None)
        return Resource(plural, scalable=f"{plural}/scale" in names) if plural else None


def prefix(api_version: str) -> str:
    """Return the path of an API version; raises NotFoundError if it is no valid name."""
    root = "/apis" if "/" in api_version else "/api"
    return "/".join((root, *map(_segment, api_version.split("/", 1))))


def collection(api_version: str, plural: str, namespace: str = "") -> str:
    """Return the path of a list; an empty namespace means all of them. Raises NotFoundError as `prefix` does."""
    inside = f"/namespaces/{_segment(namespace)}" if namespace else ""
    return f"{prefix(api_version)}{inside}/{plural}"


def path_of(ref: Ref, plural: str) -> str:
    """Return the path of an object; raises NotFoundError for an invalid name. A Namespace lies in none."""
    namespace = "" if (ref.api_version, ref.kind) == NAMESPACE else ref.namespace
    return f"{collection(ref.api_version, plural, namespace)}/{_segment(ref.name)}"


def namespace_of(path: str) -> str:
    """Return the namespace in a path, "" if there is none."""
    found = WITHIN.match(path)
    return found[1] if found else ""


def own(ref: Ref) -> str:
    """Return the path of an object of a registered kind."""
    return path_of(ref, RESOURCE_KINDS[(ref.api_version, ref.kind)].plural)


def plural_of(kind: tuple[str, str]) -> str:
    """Return the plural of a registered or built-in kind."""
    registered = RESOURCE_KINDS.get(kind)
    return registered.plural if registered else BUILT_IN[kind].plural


def _registered() -> dict[tuple[str, str], Resource]:
    return {gvk: Resource(kind.plural) for gvk, kind in RESOURCE_KINDS.items()}


def _segment(text: str) -> str:
    """Return one segment of a path; raises NotFoundError for text that might lead out of the namespace."""
    if not SEGMENT.fullmatch(text):
        raise errors.NotFoundError(f"{text!r} is not the name of a kind")
    return text
