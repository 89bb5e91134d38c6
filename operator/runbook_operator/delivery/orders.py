"""Orders for the delivery of messages, and the reports on their ends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from runbook_operator.notifiers.message import Message

Result = Literal["Delivered", "GivenUp", "Dropped", "Limited", "NotTaken", "NoChannel"]
NO_CHANNELS = "the operator has no channels file; the administrator sets RUNBOOK_CHANNELS"


@dataclass(frozen=True)
class Report:
    """The outcome of a message: `channel` delivered it or was the last one tried; `tries` counts all attempts."""

    result: Result
    channel: str
    tries: int = 0
    why: str = ""


@dataclass(frozen=True)
class Order:
    """A message to send. The sender calls `is_due` right before each attempt, and `done` once at the end."""

    channel: str
    namespace: str
    message: Message
    is_due: Callable[[], bool] = lambda: True
    done: Callable[[Report], None] = lambda _report: None


class TakesOrders(Protocol):
    """What takes orders without waiting."""

    @property
    def unavailable(self) -> str:
        """A sentence on why no order is ever taken, empty if there are channels."""

    def submit(self, order: Order) -> bool:
        """Queue an order; return False if it cannot be taken now."""


class NoDelivery:
    """The delivery of an operator without channels."""

    unavailable = NO_CHANNELS

    def submit(self, order: Order) -> bool:
        del order
        return False
