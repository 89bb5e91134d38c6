"""The metric backends: one file for each API of metric sources; every module of this package is imported.

The other modules here read the administrator's file of metric sources and keep the clients.
"""

from importlib import import_module
from pkgutil import iter_modules

from runbook_operator.monitoring.backends.metric_backend import REGISTRY, MetricBackend

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["REGISTRY", "MetricBackend"]
