"""Find which check of the API server refused a request, and the advice for it.

Missing rights, quotas, limits, admission policies and webhooks all cause a 403 or a status of their own. The message
and the causes in the Status object distinguish them. The patterns match the messages of Kubernetes 1.37; a contract
test compares them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runbook_operator.core.reasons import Reason

TERMINATING = "NamespaceTerminating"
"""The cause in the Status for a namespace that is being deleted."""
WEBHOOKS = "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
AGAIN = "The operator tries again."
_RIGHTS = re.compile(r'(^|: )User "|cannot set blockOwnerDeletion|attempting to grant RBAC permissions')


@dataclass(frozen=True)
class Refusal:
    """The reason of a refusal, and the advice with its command."""

    reason: Reason
    user_action: str


@dataclass(frozen=True)
class _Check:
    pattern: re.Pattern[str]
    reason: Reason
    advice: str


_CHECKS = (
    _Check(
        re.compile(r'^admission webhook "(?P<name>[^"]+)" denied the request'),
        Reason.WEBHOOK_REFUSED,
        f"Correct what the message names, or contact the owner of the webhook {{name}}: {WEBHOOKS}. {AGAIN}",
    ),
    _Check(
        re.compile(r'^Internal error occurred: failed calling webhook "(?P<name>[^"]+)"'),
        Reason.WEBHOOK_FAILED,
        f"The webhook {{name}} does not answer, and the API server refuses what it cannot check; repair it: "
        f"{WEBHOOKS}. {AGAIN}",
    ),
    _Check(
        re.compile(r"^(\S+ \"[^\"]*\" is forbidden: )?(Mutating|Validating)AdmissionPolicy '(?P<name>[^']+)' "),
        Reason.POLICY_REFUSED,
        "Correct what the message names, or read the policy: kubectl get "
        f"validatingadmissionpolicies,mutatingadmissionpolicies {{name}} --ignore-not-found -o yaml. {AGAIN}",
    ),
    _Check(
        re.compile(r"^(\S+ \"[^\"]*\" is forbidden: )?policy '(?P<name>[^']+)' with binding '[^']+' denied request"),
        Reason.POLICY_REFUSED,
        f"The policy cannot be applied to the object; read it: kubectl get mutatingadmissionpolicies {{name}} -o "
        f"yaml. {AGAIN}",
    ),
    _Check(
        re.compile(r"^\S+ \"[^\"]*\" is forbidden: exceeded quota: (?P<name>[^,\s]+)"),
        Reason.QUOTA_EXCEEDED,
        f"Free room in the quota, or have it raised: kubectl describe resourcequota {{name}}{{where}}. {AGAIN}",
    ),
    _Check(
        re.compile(r"^\S+ \"[^\"]*\" is forbidden: failed quota: (?P<name>[^:\s]+): must specify"),
        Reason.QUOTA_EXCEEDED,
        "Declare in the pod template the resources that the quota counts (the message names them), or give the "
        "namespace a LimitRange with defaults: kubectl describe resourcequota {name}{where}",
    ),
    _Check(
        re.compile(
            r"^\S+ \"[^\"]*\" is forbidden: \[?"
            r"((minimum|maximum) \S+ usage per \w+ is |\S+ max limit to request ratio per \w+ is )"
        ),
        Reason.LIMIT_RANGE_VIOLATED,
        "Correct the requests and limits of the pod template, or have the LimitRange changed: "
        "kubectl describe limitrange{where}",
    ),
    _Check(
        re.compile(r"^\S+ \"[^\"]*\" is forbidden: violates PodSecurity \"(?P<name>[^\"]+)\""),
        Reason.POD_SECURITY_VIOLATED,
        "Correct the pod template as the message says, or check the namespace's pod-security labels: kubectl "
        "get namespace {namespace} --show-labels",
    ),
    _Check(
        re.compile(
            r"^\S+ \"[^\"]*\" is forbidden: (error looking up service account |"
            r"no PriorityClass with name \S+ was found|pod rejected: RuntimeClass )"
        ),
        Reason.REFERENCE_NOT_FOUND,
        f"Create the object that the pod template names, or correct the template. {AGAIN}",
    ),
)


def refusal(code: int, status: Mapping[str, Any], namespace: str = "") -> Refusal | None:
    """Return the reason and the advice for this Status; None if the code alone is enough, as for a missing right.

    `namespace` is that of the request, for the commands.
    """
    message = str(status.get("message") or "")
    if _is_terminating(status):
        advice = (
            "Nothing can be created there any more; to see what delays the deletion: kubectl get namespace "
            f"{namespace} -o yaml"
        )
        return Refusal(Reason.NAMESPACE_TERMINATING, advice)
    for check in _CHECKS:
        if found := check.pattern.search(message):
            named = found.groupdict().get("name") or ""
            where = f" --namespace={namespace}" if namespace else ""
            return Refusal(check.reason, check.advice.format(name=named, where=where, namespace=namespace))
    if code == 403 and " is forbidden: " in message and not _RIGHTS.search(message):  # noqa: PLR2004 # HTTP's Forbidden
        return Refusal(Reason.REFUSED, f"No right is missing: correct what the message names. {AGAIN}")
    return None


def is_dry_run_only(message: str) -> bool:
    """True if only the dry run was refused: a webhook with side effects does not support one."""
    return "does not support dry run" in message


def is_transient(code: int, reason: Reason) -> bool:
    """True if the error may pass with time, since it is not about the write itself."""
    return reason is Reason.WEBHOOK_FAILED and code >= 500  # noqa: PLR2004 # HTTP's own boundary


def _is_terminating(status: Mapping[str, Any]) -> bool:
    causes = (status.get("details") or {}).get("causes") or ()
    return any(isinstance(one, Mapping) and one.get("reason") == TERMINATING for one in causes)
