"""A list of callbacks that one component offers to others."""

from collections.abc import Callable


class Subscribers:
    """The callbacks, called in the order in which they were added."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []

    def add(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def notify(self) -> None:
        for callback in self._callbacks:
            callback()
