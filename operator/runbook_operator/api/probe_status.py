"""The status of containers' probes that health endpoints declare, and of those that the operator has set."""

from typing import Any, Literal

from pydantic import Field

from runbook_operator.api.admission_changes import Admitted
from runbook_operator.api.name_types import ObjectName
from runbook_operator.core.model_base import StatusModel
from runbook_operator.core.references import Ref


class HeldProbeField(StatusModel):
    """One field that the operator sets; recorded before the write."""

    field: str = Field(description="Path of the field in the workload.")
    saved: Any = Field(
        None,
        description="Value before the write; absent if there was none. A digest if it may be a credential.",
    )
    held: Any = Field(None, description="Value that the operator sets; absent if the field is to be absent.")
    admitted: Admitted | None = Field(
        None, description="Change that an admission policy, a webhook or a default made to the last write, if any."
    )
    leaving: bool = Field(False, description="true if it is about to be restored, or set to another value.")


class ProbeStatus(StatusModel):
    """A container's probe, compared with the health endpoint that declares it."""

    name: str = Field(description="The health endpoint's name in the spec.")
    probe: Literal["startup", "readiness", "liveness"] | None = Field(None, description="Type of the probe.")
    api_version: str = Field("", description="The workload's API group and version.")
    kind: str = Field("", description="The workload's kind.")
    workload: str = Field("", description="The workload's name.")
    uid: str = Field("", description="The workload's uid; a later object of that name has another uid.")
    container: str = Field("", description="Name of the container.")
    observed_generation: int = Field(0, description="Generation of the workload that this status is about.")
    reason: str = Field(description="State of the probe, in one CamelCase word.")
    message: str = Field("", description="Explanation of the state, in a sentence.")
    drift: str = Field("", description="Difference between the probe and what is declared; empty if there is none.")
    since: str = Field(description="Time since which the reason is the same, RFC 3339.")
    service_account_name: ObjectName | None = Field(
        None,
        description="ServiceAccount that the operator impersonates to set and restore it; absent for the operator's "
        "own rights.",
    )
    held: list[HeldProbeField] = Field(
        default_factory=list, description="Fields that the operator has set, and restores once enforce is off."
    )
    pending: bool = Field(False, description="true if the write is recorded and not yet known to be in the workload.")
    set_at: str | None = Field(None, description="Time at which the last write was recorded, RFC 3339.")
    set_generation: int = Field(0, description="Generation of the workload that contained the write.")
    times: int = Field(0, description="Number of times it was set since the last quiet period.")
    restore_deadline: str | None = Field(
        None, description="Time at which a deletion of the Runbook stops waiting for the restore, RFC 3339."
    )

    def ref(self, namespace: str) -> Ref:
        return Ref(self.api_version, self.kind, namespace, self.workload)
