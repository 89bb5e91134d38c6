"""The administrator's settings: allowed actions, namespaces, and the commands that change them."""

from collections.abc import Iterable
from dataclasses import dataclass

ACTIONS = "RUNBOOK_ALLOWED_ACTIONS"
PROBES = "RUNBOOK_ENFORCE_PROBES"


@dataclass(frozen=True)
class Installation:
    """The settings that determine the operator's rights, and the messages about rights.

    `actions` are the allowed actions, None for all. `namespaces` are the served namespaces, empty for all. `release` is
    the Helm release and `release_namespace` its namespace; both are empty if Helm did not install the operator.
    """

    actions: tuple[str, ...] | None = None
    probes: bool = True
    namespaces: tuple[str, ...] = ()
    release: str = ""
    release_namespace: str = ""

    @property
    def is_scoped(self) -> bool:
        """True if the operator serves only some namespaces, and needs no right in others."""
        return bool(self.namespaces)

    def allows(self, action: str) -> bool:
        return self.actions is None or action in self.actions

    def refused(self, actions: Iterable[str]) -> list[str]:
        """Return the actions that are not allowed."""
        return [one for one in actions if not self.allows(one)]

    def refusal(self, actions: Iterable[str]) -> str:
        """Return the message about actions that are not allowed, with the command that allows them."""
        refused, now = list(dict.fromkeys(actions)), self.actions or ()
        wanted = ",".join((*now, *refused))
        subject = f"action {refused[0]} is" if len(refused) == 1 else f"actions {', '.join(refused)} are"
        allowed = ", ".join(now) or "no action"
        where, way = (
            (f"rights.actions of {self._called}", self._upgrade(f"rights.actions={{{wanted}}}"))
            if self.release
            else (ACTIONS, f"start the operator with {ACTIONS}={wanted}")
        )
        return f"{subject} not allowed: {where} allows {allowed}. To allow it: {way}"

    def probes_refusal(self, endpoint: str) -> str:
        """Return the message about a health endpoint that may not be enforced."""
        where, way = (
            (f"rights.probes of {self._called}", self._upgrade("rights.probes=true"))
            if self.release
            else (PROBES, f"start the operator with {PROBES}=true")
        )
        return (
            f"health endpoint {endpoint} has enforce: true, and the operator is not allowed to set probes: "
            f"{where} is false. To allow it: {way}"
        )

    @property
    def renewal(self) -> str:
        """The advice on a missing right of an allowed action: create the chart's RoleBinding. Empty without Helm."""
        if not self.release:
            return ""
        command = f"helm upgrade {self.release} CHART --namespace {self.release_namespace} --reuse-values"
        return f"The chart's RoleBinding there is missing. To create it: {command}; or grant the right alone"

    @property
    def _called(self) -> str:
        return f"the Helm release {self.release} in namespace {self.release_namespace}"

    def _upgrade(self, value: str) -> str:
        return f"helm upgrade {self.release} CHART --namespace {self.release_namespace} --reuse-values --set '{value}'"
