"""What can be said of the operator's pods."""

from typing import Annotated, Literal

from pydantic import Field

from runbook_operator.core.model_base import ApiModel
from tools.chart.terms import Handed, Name, Quantity


class Image(ApiModel):
    repository: str = Field("runbook-operator", min_length=1, description="Where the image is, with the registry.")
    tag: str = Field("", description="Its tag; empty is the chart's appVersion.")
    digest: str = Field(
        "",
        pattern=r"^$|^sha256:[0-9a-f]{64}$",
        description="Its digest, `sha256:...`, which goes before the tag.",
    )
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field("IfNotPresent", description="When it is pulled.")


class PullSecret(ApiModel):
    name: Name = Field(description="A Secret of type kubernetes.io/dockerconfigjson in the release's namespace.")


class Disruption(ApiModel):
    enabled: bool = Field(True, description="Let evictions take one replica at a time, where there is more than one.")


class Spread(ApiModel):
    keys: list[str] = Field(
        ["kubernetes.io/hostname", "topology.kubernetes.io/zone"],
        description="Labels of nodes over whose values the replicas are spread.",
    )
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"] = Field(
        "ScheduleAnyway", description="What to do where they cannot be."
    )


class Amounts(ApiModel):
    cpu: Quantity | None = Field(None, description="Processors.")
    memory: Quantity | None = Field(None, description="Memory.")


class Limits(Amounts):
    cpu: Quantity | None = Field(
        None, description="Processors; not limited unless set, since a throttled operator throws late."
    )
    memory: Quantity | None = Field("512Mi", description="Memory.")


class Requests(Amounts):
    cpu: Quantity | None = Field("100m", description="Processors.")
    memory: Quantity | None = Field("128Mi", description="Memory.")


class Resources(ApiModel):
    requests: Requests = Field(Requests(), description="What a replica is scheduled by.")
    limits: Limits = Field(Limits(), description="What it may use at most.")


class Toleration(ApiModel):
    key: str | None = None
    operator: Literal["Equal", "Exists", "Gt", "Lt"] | None = None
    value: str | None = None
    effect: Literal["NoExecute", "NoSchedule", "PreferNoSchedule"] | None = None
    toleration_seconds: int | None = None


class EnvVar(ApiModel):
    name: Annotated[str, Field(min_length=1)]
    value: str | None = None
    value_from: Handed | None = None
