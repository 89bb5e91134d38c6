"""Objects read from the API server: those that nobody watches for us, and those that a write found changed."""

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from runbook_operator.core.observed_object import ALWAYS_WATCHED, Missing, Seen, absent, scaled, seen_of
from runbook_operator.core.queries import Denied, Find, Probe, Read
from runbook_operator.core.rbac_advice import plain
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.egress.http_client import Outbound
from runbook_operator.kube import errors
from runbook_operator.kube.discovery import Paths, collection, path_of
from runbook_operator.kube.service_request import probe

T = TypeVar("T")


def is_watched(ref: Ref) -> bool:
    return (ref.api_version, ref.kind) in ALWAYS_WATCHED


async def read_target(paths: Paths, ref: Ref) -> Seen | Missing:
    """What is there now, as a whole; where a kind of its own has a scale subresource, with the replicas of that."""
    resource = await paths.resource(ref)
    if resource is None:
        return Missing(ref, Reason.KIND_NOT_FOUND, f"{ref}: the cluster serves no kind {ref.kind} in {ref.api_version}")
    try:
        path = path_of(ref, resource.plural)
        seen = seen_of(await paths.kube.get(path), whole=True, scalable=resource.scalable)
        if resource.scalable and not is_watched(ref):
            seen = scaled(seen, ref, await paths.kube.get(f"{path}/scale"))
    except errors.NotFoundError:
        return absent(ref)
    # A Namespace names no namespace, not even itself; it is asked for by the one that it is.
    return replace(seen, ref=ref)


async def answer(paths: Paths, out: Outbound, query: Read | Find | Probe) -> Any:
    """The answer to a query; Denied where the operator may not ask. Raises ApiError where nobody knows."""
    match query:
        case Read():
            return await _allowed(read_target(paths, query.ref), f"{query.ref}: ")
        case Find():
            return await find(paths, query)
        case Probe():
            return await _allowed(probe(paths.kube, out, query.service, query.port, query.path))


async def find(paths: Paths, query: Find, *, cached: bool = False) -> tuple[Mapping[str, Any], ...] | Denied:
    """As answer, of what needs the API server only; what is cached is there sooner, see Kube.items."""
    return await _allowed(_find(paths, query, cached=cached))


async def _allowed(asking: Awaitable[T], about: str = "") -> T | Denied:
    try:
        return await asking
    except errors.ForbiddenError as error:
        return Denied(Reason.FORBIDDEN, f"{about}{plain(str(error))}. {error.user_action}")


async def _find(paths: Paths, query: Find, *, cached: bool) -> tuple[Mapping[str, Any], ...]:
    ref = Ref(query.api_version, query.kind, query.namespace, "")
    resource = await paths.resource(ref, surely=False)
    if resource is None:
        return ()
    path = collection(query.api_version, resource.plural, query.namespace)
    found: list[Mapping[str, Any]] = []
    try:
        async for body in paths.kube.items(path, query.labels, fields=query.fields, cached=cached):
            found.append(body)  # noqa: PERF401 # what came before a failure tells which one it is
    except errors.NotFoundError:
        # A kind that was served before, or one of Kubernetes' own that this version has not; later pages may expire.
        if found:
            raise
    return tuple(found)
