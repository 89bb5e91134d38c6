"""The targets of a Runbook: the objects that its switches act on and its checks watch."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from runbook_operator.api.name_types import ApiVersion, EntryName, KindName, ObjectName
from runbook_operator.core.model_base import ApiModel, Rule
from runbook_operator.core.references import Ref
from runbook_operator.core.service_ports import Port
from runbook_operator.core.target_kinds import TargetRefs

ONE_HOME = "set exactly one of configMap and featureFlag"
NO_KEY = "key is only for a configMap: in a featureFlag each flag has its own name"
SOMETHING = "declare at least one of workload, service and flags"
API_VERSION_OF = {
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), "apps/v1"),
    **dict.fromkeys(("CronJob", "Job"), "batch/v1"),
    **dict.fromkeys(("Rollout", "Application"), "argoproj.io/v1alpha1"),
    "Kustomization": "kustomize.toolkit.fluxcd.io/v1",
    "HelmRelease": "helm.toolkit.fluxcd.io/v2",
    "ScaledObject": "keda.sh/v1alpha1",
}
"""Default API group and version of the kinds that actions support."""
NO_API_VERSION = (
    "has no default apiVersion: correct the kind if it is misspelt, or set apiVersion. These kinds have a default: "
    f"{', '.join(API_VERSION_OF)}"
)


class Workload(ApiModel):
    """The workload that runs the target, in the Runbook's namespace."""

    api_version: ApiVersion | None = Field(
        None,
        description="API group and version, as in the object itself. Kinds that actions support have a default.",
    )
    kind: KindName = Field(
        "Deployment", description="Kind: Deployment, StatefulSet, or any kind with a scale subresource."
    )
    name: ObjectName = Field(description="Name of the workload.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"has(self.apiVersion) || self.kind in {list(API_VERSION_OF)}",
            f"the kind {NO_API_VERSION}",
            f"'kind %s {NO_API_VERSION}'.format([self.kind])",
        ),
    )

    @model_validator(mode="after")
    def _has_api_version(self) -> "Workload":
        if self.api_version is None and self.kind not in API_VERSION_OF:
            raise ValueError(f"kind {self.kind} {NO_API_VERSION}")
        return self

    def ref(self, namespace: str) -> Ref:
        return Ref(self.api_version or API_VERSION_OF[self.kind], self.kind, namespace, self.name)


class TargetService(ApiModel):
    """The Service in front of the target."""

    name: ObjectName = Field(description="Name of the Service.")
    port: Port = Field("", description="Name or number of the Service's port; empty for all ports.")


class TargetFlags(ApiModel):
    """The object that stores the target's feature flags."""

    config_map: ObjectName | None = Field(
        None, description="Name of a ConfigMap that has one key per flag, or one document with all flags."
    )
    key: Annotated[str, Field(max_length=253, pattern=r"^[-._a-zA-Z0-9]*$")] = Field(
        "",
        description="Key of the ConfigMap whose value is a YAML or JSON document with the flags; empty if each flag is "
        "a key of its own.",
    )
    feature_flag: ObjectName | None = Field(
        None, description="Name of an OpenFeature FeatureFlag object, as flagd reads it."
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.configMap) != has(self.featureFlag)", ONE_HOME),
        Rule("!has(self.key) || self.key == '' || !has(self.featureFlag)", NO_KEY),
    )

    @model_validator(mode="after")
    def _one_home(self) -> "TargetFlags":
        if (self.config_map is None) == (self.feature_flag is None):
            raise ValueError(ONE_HOME)
        if self.key and self.feature_flag is not None:
            raise ValueError(NO_KEY)
        return self

    def ref(self, namespace: str) -> Ref:
        if self.config_map is not None:
            return Ref("v1", "ConfigMap", namespace, self.config_map)
        return Ref("core.openfeature.dev/v1beta1", "FeatureFlag", namespace, self.feature_flag or "")


class Target(ApiModel):
    """A named part of the system, to which the rest of the Runbook refers by name."""

    name: EntryName = Field(description="Name of the target, by which the rest of the Runbook refers to it.")
    workload: Workload | None = Field(None, description="The workload that runs the target.")
    service: TargetService | None = Field(None, description="The Service in front of the target.")
    flags: TargetFlags | None = Field(None, description="The object that stores the target's feature flags.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.workload) || has(self.service) || has(self.flags)", SOMETHING),
    )

    @model_validator(mode="after")
    def _something(self) -> "Target":
        if not (self.workload or self.service or self.flags):
            raise ValueError(SOMETHING)
        return self

    def refs(self, namespace: str) -> TargetRefs:
        """Return references to the target's objects in the Runbook's namespace."""
        return TargetRefs(
            name=self.name,
            workload=self.workload.ref(namespace) if self.workload else None,
            service=Ref("v1", "Service", namespace, self.service.name) if self.service else None,
            port=self.service.port if self.service else "",
            flags=self.flags.ref(namespace) if self.flags else None,
            flags_key=self.flags.key if self.flags else "",
        )
