"""Write to a target; each write has a precondition, and the API server's answer is returned."""

from runbook_operator.core.writes import Create, Delete, Effect, Patch
from runbook_operator.kube import errors
from runbook_operator.kube.client import Body
from runbook_operator.kube.discovery import Paths, path_of


async def apply(paths: Paths, effect: Effect, *, dry_run: bool = False) -> Body | None:
    """Write to a target; return the API server's answer, None if the write has deleted the target.

    The API server checks a dry run like the write itself, and stores nothing. A dry run requires no resourceVersion, so
    that a status which changes meanwhile does not make it fail.

    Raises ConflictError if the target changed since it was read, and AlreadyExistsError if a new object exists already.
    """
    resource = await paths.resource(effect.ref)
    if resource is None:
        raise errors.NotFoundError(f"the cluster has no kind {effect.ref.kind} in {effect.ref.api_version}")
    path = path_of(effect.ref, resource.plural)
    match effect:
        case Patch():
            part = f"/{effect.subresource}" if effect.subresource else ""
            return await paths.kube.merge(path + part, _expected(effect, any_version=dry_run), dry_run=dry_run)
        case Create():
            return await paths.kube.create(path.rsplit("/", 1)[0], dict(effect.body), dry_run=dry_run)
        case Delete():
            answer = await paths.kube.delete(path, effect.uid, effect.resource_version, dry_run=dry_run)
            return answer if answer.get("kind") == effect.ref.kind else None


def _expected(effect: Patch, *, any_version: bool) -> Body:
    """Return the patch with its precondition."""
    expected = {"uid": effect.uid} if any_version else {"uid": effect.uid, "resourceVersion": effect.resource_version}
    return {**effect.patch, "metadata": {**effect.patch.get("metadata", {}), **expected}}
