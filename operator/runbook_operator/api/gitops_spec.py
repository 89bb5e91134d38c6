"""What a Runbook says about the GitOps tools that own its targets."""

from typing import Literal

from pydantic import Field

from runbook_operator.core.model_base import ApiModel


class GitOps(ApiModel):
    """How Flux and Argo CD are kept from taking back what a switch holds."""

    flux: Literal["Annotate", "Ignore"] = Field(
        "Annotate",
        description="Annotate keeps Flux off the one object that is held (kustomize.toolkit.fluxcd.io/reconcile or "
        "helm.toolkit.fluxcd.io/driftDetection: disabled), and removes the annotation with the release.",
    )
    argo_cd: Literal["ExpectIgnore", "PauseAutoSync", "Ignore"] = Field(
        "ExpectIgnore",
        alias="argoCD",
        description="ExpectIgnore checks that the Application ignores the field and says where it does not; "
        "PauseAutoSync turns its automatic sync off while the switch is engaged, where it is in this namespace.",
    )
