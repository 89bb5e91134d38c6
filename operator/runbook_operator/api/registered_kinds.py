"""The kinds of this operator. To register one, add it here; docs/architecture.md lists the files that a kind needs."""

from runbook_operator.api.incident_kind import INCIDENT
from runbook_operator.api.resource_kind import ResourceKind
from runbook_operator.api.runbook_kind import RUNBOOK
from runbook_operator.api.switch_kind import SWITCH

RESOURCE_KINDS: dict[tuple[str, str], ResourceKind] = {one.gvk: one for one in (RUNBOOK, SWITCH, INCIDENT)}
"""The registered kinds by API version and kind, in the order in which they are listed."""
