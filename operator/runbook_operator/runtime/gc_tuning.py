"""Keeps Python's garbage collector from stopping the event loop: it does not scan long-lived objects again.

With 5,000 Runbooks a full collection takes most of a second. It runs whenever a quarter of all objects is new: in the
middle of a throw as well as at any other time, and repeatedly while the process starts.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LONG = 0.1
"""The survivors of a full collection that takes more seconds than this are not scanned again."""
OLDEST = 2


@dataclass
class Sweeps:
    """A callback of `gc.callbacks` that freezes the survivors of a slow full collection.

    It matters when much is allocated between two calls of `settle`, such as thousands of objects of the cluster. Fast
    collections freeze nothing, so that at rest hardly any object is frozen that becomes part of a garbage cycle later.
    """

    monotonic: Callable[[], float] = time.monotonic
    _began: float = 0.0

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        if info["generation"] != OLDEST:
            return
        if phase == "start":
            self._began = self.monotonic()
        elif self.monotonic() - self._began > LONG:
            gc.freeze()


def starting() -> None:
    """Turn the collector off until `settle`: most objects of a start last, and scanning them takes a fifth of its time.

    Call it after the imports, which leave garbage cycles of 1 MB.
    """
    gc.callbacks.append(Sweeps())
    gc.freeze()
    gc.disable()


def settle() -> None:
    """Free the young garbage cycles, freeze all other objects, and turn the collector on.

    A frozen object is still freed when its last reference goes. A frozen object in a garbage cycle is never freed: code
    that runs for long makes few cycles, and those of errors and tasks are young.
    """
    gc.collect(1)
    gc.freeze()
    gc.enable()
