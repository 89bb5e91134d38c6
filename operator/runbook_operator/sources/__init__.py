"""Where numbers come from beside Prometheus: one file per source, found by being here.

Pure: a source says what is to be read, and makes a number of what was. It must not do I/O or read a clock; asking is
observe's.
"""

from importlib import import_module
from pkgutil import iter_modules

from runbook_operator.sources.source_base import REGISTRY, Source

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["REGISTRY", "Source"]
