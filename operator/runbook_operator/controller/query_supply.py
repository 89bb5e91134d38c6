"""Supply the answers that a decision needs: reads of the API server, and parsed documents."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.api.parsing import SwitchObject
from runbook_operator.cache import snapshot_builder
from runbook_operator.controller.object_reader import ObjectReader
from runbook_operator.controller.visits import Visit
from runbook_operator.core import yaml_values
from runbook_operator.core.queries import Denied, NeedsRead, Query
from runbook_operator.core.yaml_values import NeedsParse
from runbook_operator.reconcile import acting_identity


@dataclass
class QuerySupply:
    """Answers for visits. Make it inside the event loop.

    If an account is required, a Runbook that names none gets no answers.
    """

    reader: ObjectReader
    requires_account: bool
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Idle switches parse one document at a time, so that one thread at most competes with the event loop."""

    async def parse(self, visit: Visit, unparsed: NeedsParse) -> None:
        """Parse the document for a visit that a person waits for; raises `unparsed` for any other visit."""
        switch = self.reader.store.switches.get(visit.key)
        is_awaited = switch is None or (bool(switch.spec.engaged) and switch.status.phase != "Engaged")
        if not (is_awaited or visit.presumed):
            raise unparsed
        await _parse(unparsed)

    async def parse_one_at_a_time(self, unparsed: NeedsParse) -> None:
        """Parse the document for a visit that no person waits for, one document at a time."""
        async with self._turn:
            await _parse(unparsed)

    def usual_lists(self, switch: SwitchObject) -> dict[Query, Any]:
        """Return the lists that switches of this namespace usually need, as far as watches have them."""
        account = acting_identity.declared(self.reader.store.runbook_of(switch))
        return self.reader.queries.lists.usual(switch.meta.ref.namespace, account)

    async def ask(self, visit: Visit, needed: NeedsRead) -> None:
        """Add the answers that the decision needs to the visit.

        For a new throw, presume that lists which were empty are still empty, and start tasks that verify it.
        """
        store, lists = self.reader.store, self.reader.queries.lists
        who = snapshot_builder.reader(store, visit.key, required=self.requires_account)
        switch = store.switches.get(visit.key)
        begins = needed.urgent and switch is not None and switch.status.record is None
        if not isinstance(who, Denied) and (at_hand := lists.at_hand(needed.queries, who)):
            visit.answers.update(at_hand)
        elif begins and not isinstance(who, Denied) and (nothing := lists.nothing(needed.queries, who)):
            visit.answers.update(nothing)
            visit.presumed.append(asyncio.create_task(self.reader.ask(needed, visit.verified, visit.edition, who)))
        else:
            deleting = (own := store.own(visit.key)) is not None and own.meta.deleting
            await self.reader.ask(needed, visit.answers, visit.edition, who, deleting=deleting)


async def _parse(unparsed: NeedsParse) -> None:
    """Parse the document in a separate thread and cache the result for the next decision."""
    found = await asyncio.to_thread(yaml_values.parse, unparsed.text, unparsed.path)
    yaml_values.remember(unparsed.text, unparsed.path, found)
