"""The controllers of the registered kinds. To register one, add it here."""

from collections.abc import Callable
from typing import Any

from runbook_operator.controller.incident_controller import IncidentController
from runbook_operator.controller.reconciler import KindController, Reconciler
from runbook_operator.controller.runbook_controller import RunbookController
from runbook_operator.controller.switch_controller import SwitchController

CONTROLLERS: dict[str, Callable[[Reconciler], KindController[Any, Any]]] = {
    "Runbook": RunbookController,
    "Switch": SwitchController,
    "Incident": IncidentController,
}
"""How to make the controller of each kind; every registered kind has one."""
