"""Supplies what a decision could not do without: answers of the API server, and documents that have to be parsed."""

import asyncio
from dataclasses import dataclass, field

from runbook_operator.model import documents
from runbook_operator.model.documents import Unparsed
from runbook_operator.model.queries import Denied, Unread
from runbook_operator.observe.visits import Visit
from runbook_operator.observe.worlds import reader
from runbook_operator.writer import Writer


@dataclass
class Answering:
    """Make it inside the event loop. Where an account is required, a Runbook that names none gets no answers."""

    writer: Writer
    requires_account: bool
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Idle switches parse one document at a time, so that one thread at most competes with the event loop."""

    async def parse(self, visit: Visit, unparsed: Unparsed) -> None:
        """Parse the document for a visit that a person waits for; Unparsed where nobody does."""
        switch = self.writer.store.switches.get(visit.key)
        is_awaited = switch is None or (bool(switch.spec.engaged) and switch.status.phase != "Engaged")
        if not (is_awaited or visit.presumed):
            raise unparsed
        await _parse(unparsed)

    async def parse_in_turn(self, unparsed: Unparsed) -> None:
        """Parse the document for a visit that nobody waits for."""
        async with self._turn:
            await _parse(unparsed)

    async def ask(self, visit: Visit, unread: Unread) -> None:
        """Whoever throws a switch does not wait to be told again that there is nothing: it is asked meanwhile."""
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
    """Parse the document in a thread of its own; the next decision finds what was parsed."""
    found = await asyncio.to_thread(documents.parse, unparsed.text, unparsed.path)
    documents.remember(unparsed.text, unparsed.path, found)
