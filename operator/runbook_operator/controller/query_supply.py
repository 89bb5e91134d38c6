"""Supply the answers that a decision needs: reads of the API server, and parsed documents."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.api.parsing import SwitchObject
from runbook_operator.cache.snapshot_builder import reader
from runbook_operator.controller.executor import Writer
from runbook_operator.controller.visits import Visit
from runbook_operator.core import yaml_values
from runbook_operator.core.queries import Denied, Query, Unread
from runbook_operator.core.yaml_values import Unparsed
from runbook_operator.reconcile import acting_identity


@dataclass
class Answering:
    """Answers for visits. Make it inside the event loop.

    If an account is required, a Runbook that names none gets no answers.
    """

    writer: Writer
    requires_account: bool
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Idle switches parse one document at a time, so that one thread at most competes with the event loop."""

    async def parse(self, visit: Visit, unparsed: Unparsed) -> None:
        """Parse the document for a visit that a person waits for; raises `unparsed` for any other visit."""
        switch = self.writer.store.switches.get(visit.key)
        is_awaited = switch is None or (bool(switch.spec.engaged) and switch.status.phase != "Engaged")
        if not (is_awaited or visit.presumed):
            raise unparsed
        await _parse(unparsed)

    async def parse_in_turn(self, unparsed: Unparsed) -> None:
        """Parse the document for a visit that no person waits for, one document at a time."""
        async with self._turn:
            await _parse(unparsed)

    def usual_lists(self, switch: SwitchObject) -> dict[Query, Any]:
        """Return the known lists among those that switches of this namespace usually need."""
        account = acting_identity.declared(self.writer.store.runbook_of(switch))
        return self.writer.lists.usual(switch.meta.ref.namespace, account)

    async def ask(self, visit: Visit, unread: Unread) -> None:
        """Read what the decision needs.

        When a switch is thrown, reuse the last empty list, and verify it in parallel with the first write.
        """
        writer, lists = self.writer, self.writer.lists
        who = reader(writer.store, visit.key, required=self.requires_account)
        switch = writer.store.switches.get(visit.key)
        begins = unread.urgent and switch is not None and switch.status.record is None
        if not isinstance(who, Denied) and (at_hand := lists.at_hand(unread.queries, who)):
            visit.answers.update(at_hand)
        elif begins and not isinstance(who, Denied) and (nothing := lists.nothing(unread.queries, who)):
            visit.answers.update(nothing)
            visit.presumed.append(asyncio.create_task(writer.ask(unread, visit.asked, visit.edition, who)))
        else:
            deleting = (own := writer.store.own(visit.key)) is not None and own.meta.deleting
            await writer.ask(unread, visit.answers, visit.edition, who, deleting=deleting)


async def _parse(unparsed: Unparsed) -> None:
    """Parse the document in a separate thread; the next decision finds the result."""
    found = await asyncio.to_thread(yaml_values.parse, unparsed.text, unparsed.path)
    yaml_values.remember(unparsed.text, unparsed.path, found)
