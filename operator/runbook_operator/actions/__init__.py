"""The actions of a switch: one file per action; every module of this package is imported.

An action is pure: from a snapshot it plans the fields to write. It must not do I/O, read a clock or know a Switch; the
engine does that.
"""

from importlib import import_module
from pkgutil import iter_modules

from runbook_operator.actions.action_base import REGISTRY, Action

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["REGISTRY", "Action"]
