"""The objects of a declared target."""

from dataclasses import dataclass

from runbook_operator.core.references import Ref


@dataclass(frozen=True)
class TargetRefs:
    """The objects of a target, None for those that the Runbook does not declare.

    `port` is a Service's port, `flags_key` the key of a ConfigMap whose value is a document with the flags.
    """

    name: str = ""
    workload: Ref | None = None
    service: Ref | None = None
    port: str = ""
    flags: Ref | None = None
    flags_key: str = ""

    @property
    def refs(self) -> tuple[Ref, ...]:
        return tuple(ref for ref in (self.workload, self.service, self.flags) if ref)
