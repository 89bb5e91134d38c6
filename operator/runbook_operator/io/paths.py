"""Where objects live in the API, and what the API server calls their kinds."""

from dataclasses import dataclass, field

from runbook_operator import errors
from runbook_operator.io.kube import Kube
from runbook_operator.model.refs import API_VERSION, Ref


@dataclass(frozen=True)
class Resource:
    """A kind as the API server serves it."""

    plural: str
    scalable: bool = False


BUILT_IN = {
    (API_VERSION, "Runbook"): Resource("runbooks"),
    (API_VERSION, "Switch"): Resource("switches"),
    ("apps/v1", "Deployment"): Resource("deployments", scalable=True),
    ("apps/v1", "StatefulSet"): Resource("statefulsets", scalable=True),
    ("apps/v1", "DaemonSet"): Resource("daemonsets"),
}


@dataclass
class Paths:
    """Resolves kinds to paths; what is not built in is asked of the API server once, and again where it was absent."""

    kube: Kube
    _known: dict[tuple[str, str], Resource] = field(default_factory=lambda: dict(BUILT_IN))

    async def resource(self, ref: Ref) -> Resource | None:
        """How the kind is served, None where it is not."""
        key = (ref.api_version, ref.kind)
        if key not in self._known:
            found = await self._discover(*key)
            if found is None:
                return None
            self._known[key] = found
        return self._known[key]

    async def _discover(self, api_version: str, kind: str) -> Resource | None:
        try:
            answer = await self.kube.get(prefix(api_version))
        except errors.NotFoundError:
            return None
        names = {r["name"]: r["kind"] for r in answer["resources"]}
        plural = next((name for name, served in names.items() if served == kind and "/" not in name), None)
        return Resource(plural, scalable=f"{plural}/scale" in names) if plural else None


def prefix(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def collection(api_version: str, plural: str, namespace: str = "") -> str:
    """The path of a list; an empty namespace means all of them."""
    inside = f"/namespaces/{namespace}" if namespace else ""
    return f"{prefix(api_version)}{inside}/{plural}"


def path_of(ref: Ref, plural: str) -> str:
    return f"{collection(ref.api_version, plural, ref.namespace)}/{ref.name}"


def own(ref: Ref) -> str:
    """The path of a Runbook or Switch."""
    return path_of(ref, BUILT_IN[(ref.api_version, ref.kind)].plural)
