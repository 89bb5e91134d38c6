"""A mypy plugin that notes every read of an attribute of the operator's classes, for the test of unread fields."""

import os
from collections.abc import Callable
from pathlib import Path

from mypy.nodes import MemberExpr
from mypy.plugin import AttributeContext, Plugin
from mypy.types import Type

NOTES = "MYPY_READS"
"""The variable with the path of the file that they are noted in."""


class ReadsPlugin(Plugin):
    """mypy asks it about each attribute, as `module.Class.attribute`."""

    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        if not fullname.startswith("runbook_operator."):
            return None

        def note(context: AttributeContext) -> Type:
            if isinstance(context.context, MemberExpr) and not context.is_lvalue:
                with Path(os.environ[NOTES]).open("a") as file:
                    file.write(f"{context.api.path} {fullname}\n")
            return context.default_attr_type

        return note


def plugin(_version: str) -> type[Plugin]:
    """The entry point of the plugin."""
    return ReadsPlugin
