"""Holds that no automatic source ends: a source has no data, or checks a target that the switch itself takes down."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from runbook_operator.actions.block_traffic import DIRECT, BlockTrafficSpec
from runbook_operator.actions.scaling.replica_amounts import ScaleAmount, amount
from runbook_operator.api.action_union import OneAction
from runbook_operator.api.conditions import Finding, find
from runbook_operator.api.runbook import RunbookSpec
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.automation.active_signals import active_signals
from runbook_operator.automation.desired_state import automatic_holds, format_holder, is_automatic
from runbook_operator.core import field_paths
from runbook_operator.core.kubectl_commands import silence
from runbook_operator.core.monitors import Ask, AskGrpc, AskHttp, AskNumber, AskTcp, ServiceEndpoint
from runbook_operator.core.observed_object import POD_LABELS, ObservedObject
from runbook_operator.core.queries import NeedsRead
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.monitoring.declared_monitors import watches
from runbook_operator.reconcile.snapshot import Snapshot

REMARKED = frozenset({Reason.AUTOMATIC, Reason.HELD_BY_ITSELF})
"""The reasons with which the message of the condition Automatic is the remark."""


@dataclass(frozen=True)
class _Down:
    """A target that the switch takes down, with a text; `workload` is set if all its pods go."""

    text: str
    refs: tuple[Ref, ...]
    workload: Ref | None = None


def finding(snapshot: Snapshot, status: SwitchStatus) -> Finding | None:
    """Return the condition Automatic for a hold that lasts until a person ends it, or for one that would."""
    text = remark(snapshot, status)
    if text and status.record is not None and automatic_holds(snapshot):
        return Finding(True, Reason.HELD_BY_ITSELF, text)
    return _without_data(snapshot) or (Finding(True, Reason.AUTOMATIC, text) if text else None)


def remark(snapshot: Snapshot, status: SwitchStatus) -> str:
    """Describe the sources that check a target which the switch takes down, and the manual release; empty if none.

    Services are read only in deep checks at an idle or an engaged switch, by raising NeedsRead. In between, the last
    remark stays.
    """
    try:
        found = list(_circles(snapshot))
    except NeedsRead as needed:
        is_quiet = status.record is None or snapshot.switch.status.phase == "Engaged"
        if snapshot.thorough and is_quiet:
            raise NeedsRead(needed.queries, urgent=False) from None
        old = find(snapshot.switch.status.conditions, "Automatic")
        return old.message if old and old.reason in REMARKED else ""
    if not found:
        return ""
    text = (
        "The switch takes that Service down: while it is engaged, the check cannot recover, and the switch "
        "stays engaged"
    )
    command = silence(snapshot.switch.meta.ref, "it holds itself engaged")
    return f"{'; '.join(found)}. {text}. To release it by hand: {command}"


def _circles(snapshot: Snapshot) -> Iterator[str]:
    """Yield the sources that engage the switch and check a target that it takes down; raises NeedsRead."""
    runbook, entry = snapshot.runbook, snapshot.entry
    if runbook is None or runbook.spec is None or entry is None or not is_automatic(snapshot):
        return
    asks = {(one.key.group, one.key.name): one.ask for one in watches(runbook, snapshot.languages).watches}
    down = [one for act in entry.actions if (one := _down(snapshot, runbook.spec, act))]
    for group, name, switch in _engaging(runbook.spec):
        ref = _asked(asks.get((group, name)))
        if ref is None or switch != snapshot.switch.spec.switch:
            continue
        if by := next((one for one in down if _is_down(snapshot, ref, one)), None):
            yield f"{format_holder(group, name)} checks {ref} ({by.text})"


def _engaging(spec: RunbookSpec) -> Iterator[tuple[Literal["Dependency", "Metric"], str, str]]:
    """Yield each source that engages a kill switch: its group, its name, and that switch."""
    yield from (("Dependency", one.name, one.fallback.engage) for one in spec.dependencies if one.fallback)
    yield from (("Metric", one.name, one.engages) for one in spec.metrics if one.engages)


def _asked(ask: Ask | None) -> Ref | None:
    """Return the Service that is checked, None for other requests.

    A number from an object or from pods can be read without any pod, so that it may recover.
    """
    request = ask.request if isinstance(ask, AskNumber) else ask
    if not isinstance(request, AskHttp | AskTcp | AskGrpc):
        return None
    where: ServiceEndpoint | str = request.where
    return where.service if isinstance(where, ServiceEndpoint) else None


def _down(snapshot: Snapshot, spec: RunbookSpec, act: OneAction) -> _Down | None:
    target = spec.target(act.target, snapshot.switch.meta.ref.namespace)
    if isinstance(act.spec, ScaleAmount) and target.workload:
        observed = snapshot.observed.get(target.workload)
        live = observed.replicas if isinstance(observed, ObservedObject) else 1
        if amount(act.spec, live) == 0:
            return _Down(f"scale of {target.workload} to 0", target.refs, target.workload)
    if isinstance(act.spec, BlockTrafficSpec) and not set(act.spec.through).isdisjoint(DIRECT):
        return _Down(f"blockTraffic of target {act.target}", target.refs)
    return None


def _is_down(snapshot: Snapshot, asked: Ref, down: _Down) -> bool:
    """True if the switch takes down the checked Service; raises NeedsRead if its selector must be read."""
    if asked in down.refs:
        return True
    workload = snapshot.observed.get(down.workload) if down.workload else None
    if not isinstance(workload, ObservedObject):
        return False
    service, labels = snapshot.require(asked), field_paths.get(workload.body, POD_LABELS) or {}
    chosen = (field_paths.get(service.body, "spec.selector") or {}) if isinstance(service, ObservedObject) else {}
    return bool(chosen) and all(labels.get(key) == value for key, value in chosen.items())


def _without_data(snapshot: Snapshot) -> Finding | None:
    """Return the finding for a switch that stays engaged because no data releases it."""
    said = {(one.source, one.name): one for one in active_signals(snapshot)}
    speaking = [said[key] for one in automatic_holds(snapshot) if (key := (one.source, one.name)) in said]
    blind = [format_holder(one.source, one.name) for one in speaking if one.verdict == "Unknown" and one.blind]
    if snapshot.record is None or not blind or any(one.verdict == "Engage" for one in speaking):
        return None
    text = (
        f"{', '.join(blind)} holds it engaged, and no data arrives that could release it. A query that returns "
        "no series while all is well needs absent: Zero, or 'or vector(0)' at its end. To release it by hand: "
        f"{silence(snapshot.switch.meta.ref, 'no data')}"
    )
    return Finding(True, Reason.HELD_WITHOUT_DATA, text)
