"""Find out after a restart if the live value comes from a write of the operator that admission has altered.

The API server names no field manager for a scale from 0, so that the value alone does not show who wrote it.
"""

from typing import Any

from runbook_operator.core.observed_object import REPLICAS, ObservedObject
from runbook_operator.core.queries import Admission, NeedsRead
from runbook_operator.core.references import MANAGER
from runbook_operator.reconcile.snapshot import Snapshot


def is_of_operator(snapshot: Snapshot, observed: ObservedObject | None, field: str, asked: Any) -> bool:
    """True if an earlier process of the operator wrote the field last, as far as that can be known.

    `asked` is the value that a release writes, None for none. If the API server names no field manager of the replicas,
    a dry run decides: True if admission turns `asked` into the live value. Raises NeedsRead until the dry run is done.
    """
    if snapshot.knows_all_writes or observed is None:
        return False
    noted = observed.manager(field)
    if noted or field != REPLICAS or asked is None:
        return noted == MANAGER
    query = Admission(observed.ref, observed.uid, asked)
    if query not in snapshot.answers:
        raise NeedsRead([query])
    return bool(snapshot.answers[query] == observed.replicas)
