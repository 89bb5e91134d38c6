"""Read objects from the API server: those without a watch, and those that a write found changed."""

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from runbook_operator.core.observed_object import ALWAYS_WATCHED, Missing, ObservedObject, absent, observed_from, scaled
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


async def read_target(paths: Paths, ref: Ref) -> ObservedObject | Missing:
    """Read a whole object; for a kind that is not always watched, with the replicas of its scale subresource."""
    resource = await paths.resource(ref)
    if resource is None:
        return Missing(ref, Reason.KIND_NOT_FOUND, f"{ref}: the cluster serves no kind {ref.kind} in {ref.api_version}")
    try:
        path = path_of(ref, resource.plural)
        observed = observed_from(await paths.kube.get(path), whole=True, scalable=resource.scalable)
        if resource.scalable and not is_watched(ref):
            observed = scaled(observed, ref, await paths.kube.get(f"{path}/scale"))
    except errors.NotFoundError:
        return absent(ref)
    # The metadata of a Namespace has no namespace, but its Ref here has.
    return replace(observed, ref=ref)


async def answer(paths: Paths, out: Outbound, query: Read | Find | Probe) -> Any:
    """Return the answer to a query, or Denied if the right for it is missing. Raises ApiError."""
    match query:
        case Read():
            return await _allowed(read_target(paths, query.ref), f"{query.ref}: ")
        case Find():
            return await find(paths, query)
        case Probe():
            return await _allowed(probe(paths.kube, out, query.service, query.port, query.path))


async def find(paths: Paths, query: Find, *, cached: bool = False) -> tuple[Mapping[str, Any], ...] | Denied:
    """Return the listed objects, or Denied if the right is missing; a `cached` list is faster, see Kube.items."""
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
            found.append(body)  # noqa: PERF401 # the objects before a failure show which failure it is
    except errors.NotFoundError:
        # The kind is no longer served, or this version of Kubernetes lacks it. On a later page, the list has expired.
        if found:
            raise
    return tuple(found)
