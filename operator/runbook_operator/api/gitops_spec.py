"""The treatment of GitOps tools that manage a Runbook's targets."""

from typing import Literal

from pydantic import Field

from runbook_operator.core.model_base import ApiModel


class GitOps(ApiModel):
    """The treatment of Flux and Argo CD, which could undo what a switch holds."""

    flux: Literal["Annotate", "Ignore"] = Field(
        "Annotate",
        description="Annotate makes Flux skip each held object by an annotation (kustomize.toolkit.fluxcd.io/reconcile "
        "or helm.toolkit.fluxcd.io/driftDetection: disabled) that the release removes. Ignore does nothing.",
    )
    argo_cd: Literal["ExpectIgnore", "PauseAutoSync", "Ignore"] = Field(
        "ExpectIgnore",
        alias="argoCD",
        description="ExpectIgnore checks that the Application ignores the held fields, and reports it if not. "
        "PauseAutoSync turns off the Application's automatic sync while the switch is engaged, if the Application is "
        "in this namespace. Ignore does nothing.",
    )
