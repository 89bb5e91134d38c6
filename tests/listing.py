"""One list of a store's namespaces, as a resync makes it."""

from collections.abc import Sequence

from runbook_operator.cache.namespace_coverage import Coverage
from runbook_operator.cache.object_table import Listed
from runbook_operator.cache.store import Store
from runbook_operator.core.references import Ref
from runbook_operator.kube.client import Kube


def nobody(ref: Ref, version: str) -> bool:
    """Count no listed object as read."""
    del ref, version
    return False


async def resync(kube: Kube, store: Store, namespaces: Sequence[str], listed: Listed) -> frozenset[Ref]:
    """List the own objects and the workloads once; return the objects to reconcile."""
    return await Coverage(kube, store, namespaces, lambda: listed, lambda _: None).list_all()
