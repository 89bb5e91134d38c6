"""Message delivery of one replica: the administrator's channels, and the workers that send through them."""

from collections.abc import Callable, Collection, Coroutine
from typing import TYPE_CHECKING, Any

from runbook_operator.core.ip_policy import IPAddress
from runbook_operator.delivery.orders import NO_CHANNELS, Order
from runbook_operator.kube.client import Kube
from runbook_operator.settings import Settings

if TYPE_CHECKING:
    from runbook_operator.delivery.sender import Sender

Observe = Callable[[str, str], None]
"""Called once for each message with its channel and its result."""


class Delivery:
    """The channels and the sender; neither exists if the settings name no channels file."""

    def __init__(self, settings: Settings, kube: Kube, forbidden: Collection[IPAddress], observe: Observe) -> None:
        self._settings = settings
        self._kube = kube
        self._forbidden = forbidden
        self._observe = observe
        self._sender: Sender | None = None

    @property
    def unavailable(self) -> str:
        """A sentence on why no order is ever taken, empty if there are channels."""
        return "" if self._settings.channels else NO_CHANNELS

    def submit(self, order: Order) -> bool:
        """Queue an order without waiting; return False if there are no channels, or too many messages are pending."""
        return self._sender is not None and self._sender.submit(order)

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return the coroutines to run as long as the replica runs; none without a channels file."""
        return [self._run()] if self._settings.channels else []

    async def _run(self) -> None:
        # Imported here, so that an operator without channels does not load the code for mail and all formats.
        from runbook_operator.delivery.channel_egress import ChannelOutbound  # noqa: PLC0415
        from runbook_operator.delivery.configured_channels import Channels  # noqa: PLC0415
        from runbook_operator.delivery.sender import Sender  # noqa: PLC0415
        from runbook_operator.delivery.transport import Transport, creator  # noqa: PLC0415

        channels = await Channels.open(self._settings.channels)
        out = ChannelOutbound(self._settings.allowed_networks, self._forbidden)
        self._sender = Sender(channels, Transport(out, creator(self._kube)), observe=self._observe)
        await self._sender.run(channels.run())
