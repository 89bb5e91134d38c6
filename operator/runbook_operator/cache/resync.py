"""Lists one kind and compares it with the store: what a watch missed, deletions among it, is found here."""

from collections.abc import Callable, Iterable

from runbook_operator.cache.store import Store
from runbook_operator.core.observed_object import ALWAYS_WATCHED
from runbook_operator.core.references import API_VERSION, Ref, ref_of
from runbook_operator.kube.client import Kube
from runbook_operator.kube.discovery import BUILT_IN, collection

KINDS = ((API_VERSION, "Runbook"), (API_VERSION, "Switch"), *sorted(ALWAYS_WATCHED))


Listed = Callable[[Ref, str], bool]
"""Told of each Switch and declared target, and of its resourceVersion in the list; says whether that counts as read."""


async def compare(kube: Kube, store: Store, kind: tuple[str, str], namespace: str, listed: Listed) -> set[Ref]:
    """Returns the Runbooks and Switches to look at again; raises ApiError where the list fails.

    An empty namespace means all of them.
    """
    # Taken before the list: what is created meanwhile is not in it and must not look deleted.
    before = store.uids(*kind, namespace)
    wake: set[Ref] = set()
    path = collection(kind[0], BUILT_IN[kind].plural, namespace)
    async for body in kube.items(path):
        before.pop(body["metadata"]["uid"], None)
        wake |= store.take(body)
        ref, version = ref_of(body), body["metadata"]["resourceVersion"]
        if (switch := store.switches.get(ref)) is not None:
            if listed(ref, version) and switch.meta.resource_version == version:
                store.doubts.read(switch)
        elif store.users(ref):
            listed(ref, version)
    return wake | _dropped(store, before.items())


def _dropped(store: Store, gone: Iterable[tuple[str, Ref]]) -> set[Ref]:
    return {ref for uid, missing in gone for ref in store.drop(missing, uid)}
