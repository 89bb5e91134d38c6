"""True if visits settle: what each visit has asked for so far, and which objects say that theirs did not settle."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from runbook_operator.api.parsing import SwitchObject
from runbook_operator.controller.executor import Writer
from runbook_operator.core.queries import Query
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.reconcile.steps import RunbookStep, Step
from runbook_operator.switches.repeated_steps import Taken, shown, unsettled


@dataclass
class Settling:
    """One visit at a time to each object."""

    writer: Writer
    now: Callable[[], datetime]
    cause: Callable[[str], str] = lambda _: ""
    """A sentence on why objects of the kind do not settle, where that is known."""
    _taken: dict[Ref, list[Taken]] = field(default_factory=dict)
    _unsettled: dict[Ref, str] = field(default_factory=dict)

    def begin(self, key: Ref) -> None:
        """A visit begins."""
        self._taken[key] = []

    def end(self, key: Ref) -> None:
        """The visit is over."""
        del self._taken[key]

    def forget(self, key: Ref) -> None:
        """The object is gone."""
        self._unsettled.pop(key, None)

    def of(self, key: Ref) -> str:
        """The step that the last visit repeated; empty where it settled."""
        return self._unsettled.get(key, "")

    def settles(self, key: Ref) -> bool:
        """Nothing is left to do; returns whether the object still says that a visit did not settle."""
        return self._unsettled.pop(key, None) is not None

    async def takes(self, key: Ref, rule: str, step: Step | RunbookStep | frozenset[Query]) -> None:
        """The step is about to be taken. Where it has changed nothing, the object says so: raises UnsettledError."""
        self._taken[key].append(Taken(rule, step))
        if message := unsettled(self._taken[key]):
            message = self.cause(key.kind) or message
            self._unsettled[key] = message
            await self._tell(key, message)
            raise errors.UnsettledError(f"{key}: {message}")

    async def _tell(self, key: Ref, message: str) -> None:
        found = self.writer.store.own(key)
        if found is not None and (told := shown(found, message, self.now())) is not None:
            old = found.written if isinstance(found, SwitchObject) else found.status
            await self.writer.status(key, old, told)
