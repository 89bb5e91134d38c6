"""What a Runbook's status tells of the containers' own probes, and of those that the operator has set."""

from typing import Any, Literal

from pydantic import Field

from runbook_operator.api.name_types import ObjectName
from runbook_operator.core.model_base import StatusModel
from runbook_operator.core.references import Ref


class HeldField(StatusModel):
    """One field that was set, written down before it is: what was there, and what is there instead."""

    field: str = Field(description="The field of the workload.")
    saved: Any = Field(
        None,
        description="What was there before; absent where nothing was. Of what may be a credential there is a digest.",
    )
    held: Any = Field(None, description="What it was set to; absent where nothing is to be there.")
    admitted: Any = Field(
        None, description="What an admission policy, a webhook or a default left of the last write; absent mostly."
    )
    leaving: bool = Field(False, description="It is about to be put back, or set to something else.")


class ProbeStatus(StatusModel):
    """A container's own probe, beside the health endpoint that is declared to be it."""

    name: str = Field(description="The health endpoint's name in the spec.")
    probe: Literal["startup", "readiness", "liveness"] | None = Field(None, description="Which probe it is.")
    api_version: str = Field("", description="The workload's API group and version.")
    kind: str = Field("", description="The workload's kind.")
    workload: str = Field("", description="The workload's name.")
    uid: str = Field("", description="The workload's uid; another object of the name is not it.")
    container: str = Field("", description="The container.")
    observed_generation: int = Field(0, description="The workload's generation that this is about.")
    reason: str = Field(description="How it is, in one CamelCase word.")
    message: str = Field("", description="Why, in a sentence.")
    drift: str = Field("", description="Where the probe differs from what is declared; empty where it does not.")
    since: str = Field(description="Since when the reason holds, RFC 3339.")
    service_account_name: ObjectName | None = Field(
        None,
        description="The ServiceAccount in whose name it was set, and is put back; absent for the operator's own "
        "rights.",
    )
    held: list[HeldField] = Field(
        default_factory=list, description="What the operator has set, and puts back when it is no longer to be so."
    )
    pending: bool = Field(False, description="It is written down what is set, and not known yet to be there.")
    set_at: str | None = Field(None, description="When it was written down last, RFC 3339.")
    set_generation: int = Field(0, description="The workload's generation with which it was there.")
    times: int = Field(0, description="How often it was set, since it was last left alone for long.")
    let_go_at: str | None = Field(
        None, description="When a deletion of the Runbook stops waiting for this to be put back, RFC 3339."
    )

    def ref(self, namespace: str) -> Ref:
        return Ref(self.api_version, self.kind, namespace, self.workload)
