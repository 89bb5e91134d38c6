"""Targets read from the API server: those whose kind is not watched, and those that a write found changed."""

from runbook_operator import errors
from runbook_operator.io.paths import Paths, path_of
from runbook_operator.model.reasons import Reason
from runbook_operator.model.refs import Ref
from runbook_operator.model.seen import Missing, Seen, absent, seen_of

WATCHED = frozenset({("apps/v1", "Deployment"), ("apps/v1", "StatefulSet")})
REREAD = 10.0


def is_watched(ref: Ref) -> bool:
    return (ref.api_version, ref.kind) in WATCHED


async def read_target(paths: Paths, ref: Ref) -> Seen | Missing:
    """What is there now: a watched kind as a whole, which names its field managers; others by their scale."""
    resource = await paths.resource(ref)
    if resource is None:
        return Missing(ref, Reason.KIND_NOT_FOUND, f"{ref}: the cluster serves no kind {ref.kind} in {ref.api_version}")
    if not resource.scalable:
        return Missing(ref, Reason.NOT_SCALABLE, f"{ref}: a {ref.kind} has no scale subresource; target one that has")
    try:
        part = "" if is_watched(ref) else "/scale"
        return seen_of(await paths.kube.get(path_of(ref, resource.plural) + part), ref)
    except errors.NotFoundError:
        return absent(ref)
