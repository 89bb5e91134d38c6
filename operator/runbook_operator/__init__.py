"""Runbook Operator: kill switches that hold what they set, and restore the original on release.

docs/architecture.md lists the packages. A package imports only packages below it, and import-linter fails the build
otherwise.
"""

from importlib.metadata import version

__version__ = version("runbook-operator")
"""The version in pyproject.toml, which is the only place that sets it."""
