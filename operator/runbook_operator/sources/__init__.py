"""Sources of numbers other than Prometheus: one file per source; every module of this package is imported.

A source is pure: it describes what to read and computes a number from what was read. It must not do I/O or read a
clock; monitoring.io does that.
"""

from importlib import import_module
from pkgutil import iter_modules

from runbook_operator.sources.source_base import REGISTRY, Source

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["REGISTRY", "Source"]
