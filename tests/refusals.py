"""How the API server refuses: Statuses as Kubernetes 1.37 answered them in the namespace `shop`, and what they mean.

tests/e2e/test_refusals.py makes this API server refuse the same, and compares.
"""

from dataclasses import dataclass
from typing import Any

from runbook_operator.core.reasons import Reason

Body = dict[str, Any]


@dataclass(frozen=True)
class Refused:
    """A Status with its code, the reason that it is told with, and the command of the advice."""

    code: int
    message: str
    reason: Reason
    command: str
    causes: tuple[Body, ...] = ()
    status_reason: str = "Forbidden"

    @property
    def status(self) -> Body:
        return {
            "kind": "Status",
            "code": self.code,
            "reason": self.status_reason,
            "message": self.message,
            "details": {"causes": list(self.causes)} if self.causes else None,
        }


WEBHOOKS = "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
REFUSED = {
    "quota": Refused(
        403,
        'jobs.batch "it" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, '
        "used: count/jobs.batch=0, limited: count/jobs.batch=0",
        Reason.QUOTA_EXCEEDED,
        "kubectl describe resourcequota jobs --namespace=shop",
    ),
    "quota without a limit in the pod": Refused(
        403,
        'pods "it" is forbidden: failed quota: compute: must specify limits.cpu for: app',
        Reason.QUOTA_EXCEEDED,
        "kubectl describe resourcequota compute --namespace=shop",
    ),
    "limit range": Refused(
        403,
        'pods "it" is forbidden: maximum cpu usage per Container is 100m, but limit is 2',
        Reason.LIMIT_RANGE_VIOLATED,
        "kubectl describe limitrange --namespace=shop",
    ),
    "two limits": Refused(
        403,
        'pods "it" is forbidden: [minimum memory usage per Container is 10Mi, but request is 1Mi, '
        "maximum cpu usage per Container is 100m, but limit is 2]",
        Reason.LIMIT_RANGE_VIOLATED,
        "kubectl describe limitrange --namespace=shop",
    ),
    "ratio of limits": Refused(
        403,
        'pods "it" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
        Reason.LIMIT_RANGE_VIOLATED,
        "kubectl describe limitrange --namespace=shop",
    ),
    "pod security": Refused(
        403,
        'pods "it" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)',
        Reason.POD_SECURITY_VIOLATED,
        "kubectl get namespace shop --show-labels",
    ),
    "validating policy": Refused(
        422,
        "configmaps \"it\" is forbidden: ValidatingAdmissionPolicy 'no-maps' with binding 'no-maps' denied request: "
        "no maps here",
        Reason.POLICY_REFUSED,
        "kubectl get validatingadmissionpolicies,mutatingadmissionpolicies no-maps --ignore-not-found -o yaml",
        status_reason="Invalid",
    ),
    "validating policy that answers 403": Refused(
        403,
        "serviceaccounts \"it\" is forbidden: ValidatingAdmissionPolicy 'no-maps' with binding 'no-maps' denied "
        "request: no accounts here",
        Reason.POLICY_REFUSED,
        "kubectl get validatingadmissionpolicies,mutatingadmissionpolicies no-maps --ignore-not-found -o yaml",
    ),
    "mutating policy": Refused(
        403,
        "policy 'count' with binding 'count' denied request: expression '[JSONPatch{op: \"add\", path: \"/data/x\", "
        "value: string(int(object.data.a))}]' resulted in error: type conversion error from 'string' to 'int'",
        Reason.POLICY_REFUSED,
        "kubectl get mutatingadmissionpolicies count -o yaml",
        status_reason="Invalid",
    ),
    "webhook that cannot be called": Refused(
        500,
        'Internal error occurred: failed calling webhook "gate.example.com": failed to call webhook: Post '
        '"https://127.0.0.1:9/validate?timeout=2s": dial tcp 127.0.0.1:9: connect: connection refused',
        Reason.WEBHOOK_FAILED,
        WEBHOOKS,
        status_reason="InternalError",
    ),
    "namespace that is being deleted": Refused(
        403,
        'configmaps "it" is forbidden: unable to create new content in namespace shop because it is being terminated',
        Reason.NAMESPACE_TERMINATING,
        "kubectl get namespace shop -o yaml",
        causes=(
            {
                "reason": "NamespaceTerminating",
                "message": "namespace shop is being terminated",
                "field": "metadata.namespace",
            },
        ),
    ),
    "service account": Refused(
        403,
        'pods "it" is forbidden: error looking up service account shop/gone: serviceaccount "gone" not found',
        Reason.REFERENCE_NOT_FOUND,
        "Create the object that the pod template names",
    ),
    "priority class": Refused(
        403,
        'pods "it" is forbidden: no PriorityClass with name gone was found',
        Reason.REFERENCE_NOT_FOUND,
        "Create the object that the pod template names",
    ),
    "runtime class": Refused(
        403,
        'pods "it" is forbidden: pod rejected: RuntimeClass "gone" not found',
        Reason.REFERENCE_NOT_FOUND,
        "Create the object that the pod template names",
    ),
}
DENIED = tuple(
    Refused(
        code,
        f'admission webhook "deny.example.com" denied the request{text}',
        Reason.WEBHOOK_REFUSED,
        WEBHOOKS,
        status_reason="",
    )
    for code in (400, 403, 409, 422, 429, 500)
    for text in (" without explanation", ": not on my watch")
)
"""A webhook chooses the code of its refusal. Collected by hand: the lab's API server reaches no webhook of a test."""
