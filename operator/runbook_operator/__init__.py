"""Runbook Operator: kill switches that hold, and put everything back.

Layers, top to bottom: handlers, reconcile, then observe, decide, act and report side by side, then io, api,
actions and model. A layer imports only what is below it; import-linter fails the build otherwise.
"""

from importlib.metadata import version

__version__ = version("runbook-operator")
"""As pyproject.toml has it, and nothing else."""
