"""What a switch can do: one file per action, found by being here. Pure: an action reads, resolves and describes writes.

It must not do I/O, read a clock or know a Switch; those are the engine's.
"""

from importlib import import_module
from pkgutil import iter_modules

from runbook_operator.actions.action_base import REGISTRY, Action

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["REGISTRY", "Action"]
