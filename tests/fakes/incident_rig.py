"""A Reconciler over a FaultyKube with one Runbook and its Incidents, and a delivery that keeps each order.

Left out: checks, watches, leader election, and the sending of messages.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from runbook_operator.api.incident import IncidentStatus
from runbook_operator.controller.incident_controller import IncidentController
from runbook_operator.core.references import Ref
from runbook_operator.delivery.orders import Order
from tests.fakes.faulty_kube import Body
from tests.fakes.rig import Rig
from tests.incident_bodies import CONTACTS, INCIDENT, INCIDENTS, PATH, incident_body


@dataclass
class Orders:
    """A delivery that takes each order, unless it is full or unavailable."""

    unavailable: str = ""
    full: bool = False
    taken: list[Order] = field(default_factory=list)

    def submit(self, order: Order) -> bool:
        if not self.full:
            self.taken.append(order)
        return not self.full


class IncidentRig(Rig):
    """See above. `leads` is False while another replica leads the namespace."""

    def __init__(self, *incidents: Body, unavailable: str = "", **spec: Any) -> None:
        super().__init__(**{"contacts": CONTACTS} | spec)
        self.orders, self.leads = Orders(unavailable), True
        self.reconciler.delivery = self.orders
        self.controller = IncidentController(self.reconciler)
        self.reconciler.controllers["Incident"] = self.controller
        self.queue.limit(lambda _key: self.leads)
        for body in incidents or (incident_body(),):
            self.kube.objects[f"{INCIDENTS}/{body['metadata']['name']}"] = body
            self.store.put(body)

    async def look(self, ref: Ref = INCIDENT) -> IncidentStatus:
        """Visit an Incident a second after the last visit; return its stored status."""
        self.time += timedelta(seconds=1)
        await self.reconciler.visit(ref)
        return self.store.incidents.objects[ref].status

    def patch(self, **spec: Any) -> None:
        """Change the spec as a person does; the watch reports it."""
        body = self.kube._patched(PATH, {"metadata": {}, "spec": spec})
        body["metadata"]["generation"] += 1
        self.store.put(body)
