"""Detect visits that do not settle: record the steps of each visit, and report a step that repeats."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from runbook_operator.controller.own_object_writer import OwnObjectWriter
from runbook_operator.core.queries import Query
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.reconcile.steps import IncidentStep, RunbookStep, Step
from runbook_operator.switches.repeated_steps import Taken, shown, unsettled


@dataclass
class Settling:
    """The steps of the visits under way; each object has one visit at a time."""

    own_objects: OwnObjectWriter
    now: Callable[[], datetime]
    cause: Callable[[str], str] = lambda _: ""
    """Return a sentence on why objects of the kind do not settle, empty if that is not known."""
    _taken: dict[Ref, list[Taken]] = field(default_factory=dict)
    _unsettled: dict[Ref, str] = field(default_factory=dict)

    def begin(self, key: Ref) -> None:
        """Begin a visit."""
        self._taken[key] = []

    def end(self, key: Ref) -> None:
        """End a visit."""
        del self._taken[key]

    def forget(self, key: Ref) -> None:
        """Forget a deleted object."""
        self._unsettled.pop(key, None)

    def of(self, key: Ref) -> str:
        """Return the message about the step that the last visit repeated; empty if the visit settled."""
        return self._unsettled.get(key, "")

    def settles(self, key: Ref) -> bool:
        """Note that no step is left. True if the status still reports that an earlier visit did not settle."""
        return self._unsettled.pop(key, None) is not None

    async def takes(self, key: Ref, rule: str, step: Step | RunbookStep | IncidentStep | frozenset[Query]) -> None:
        """Record the step before it is taken; report it and raise UnsettledError if it repeats without effect."""
        self._taken[key].append(Taken(rule, step))
        if message := unsettled(self._taken[key]):
            message = self.cause(key.kind) or message
            self._unsettled[key] = message
            await self._report(key, message)
            raise errors.UnsettledError(f"{key}: {message}")

    async def _report(self, key: Ref, message: str) -> None:
        found = self.own_objects.reader.store.own(key)
        if found is not None and (told := shown(found, message, self.now())) is not None:
            await self.own_objects.status(key, found.written, told)
