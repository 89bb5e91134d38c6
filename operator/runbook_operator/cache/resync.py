"""Resync: list one kind and compare it with the store, to find changes and deletions that a watch missed."""

from collections.abc import Iterable

from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.cache.object_table import Listed
from runbook_operator.cache.store import Store
from runbook_operator.core.observed_object import ALWAYS_WATCHED
from runbook_operator.core.references import Ref, ref_of
from runbook_operator.kube.client import Kube
from runbook_operator.kube.discovery import collection, plural_of


def watched_kinds() -> tuple[tuple[str, str], ...]:
    """Return API version and kind of the kinds that are always listed and watched, the registered ones first."""
    return (*RESOURCE_KINDS, *sorted(ALWAYS_WATCHED))


async def compare(kube: Kube, store: Store, kind: tuple[str, str], namespace: str, listed: Listed) -> set[Ref]:
    """List the kind and update the store; return the objects to reconcile. Raises ApiError.

    An empty namespace means all of them.
    """
    # Taken before the list: an object that is created meanwhile may be missing in the list and is not deleted.
    before = store.uids(*kind, namespace)
    wake: set[Ref] = set()
    path = collection(kind[0], plural_of(kind), namespace)
    async for body in kube.items(path):
        before.pop(body["metadata"]["uid"], None)
        wake |= store.take(body)
        ref, version = ref_of(body), body["metadata"]["resourceVersion"]
        store.note_listed(ref, version, listed)
    return wake | _dropped(store, before.items())


def _dropped(store: Store, gone: Iterable[tuple[str, Ref]]) -> set[Ref]:
    return {ref for uid, missing in gone for ref in store.drop(missing, uid)}
