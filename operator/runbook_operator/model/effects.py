"""The closed set of writes to targets. An action describes writes by these; only act/ carries them out.

A new kind of write is added here and in act/targets.py, on purpose: what can be done to a cluster is one short list.
"""

from dataclasses import dataclass

from runbook_operator.model.refs import Ref


@dataclass(frozen=True)
class SetReplicas:
    """Write `spec.replicas` through the scale subresource, only if the object is still the one that was seen."""

    ref: Ref
    uid: str
    resource_version: str
    replicas: int


Effect = SetReplicas
