"""Channels that deliver messages to people: one file per kind; every module of this package is imported.

A notifier is pure: it renders a message into a request and judges the answer. It must not do I/O or read a clock;
`delivery` does that.
"""

from importlib import import_module
from pkgutil import iter_modules

from runbook_operator.notifiers.notifier_base import REGISTRY, Notifier

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["REGISTRY", "Notifier"]
