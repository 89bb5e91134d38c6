"""A mypy plugin that gives `Replaceable.replace` the fields of its class as keyword arguments, each with its type.

mypy does the same for `dataclasses.replace`. Without it, only a test that runs the line would find a misspelt field.
"""

from collections.abc import Callable

from mypy.nodes import ARG_NAMED_OPT, TypeInfo, Var
from mypy.plugin import MethodSigContext, Plugin
from mypy.types import FunctionLike, Instance, get_proper_type

BASE = "runbook_operator.core.model_base.Replaceable"


class ReplacePlugin(Plugin):
    """mypy asks it for the signature of every method that is called; it answers for one of them."""

    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        return _signature if fullname.endswith(".replace") else None


def plugin(_version: str) -> type[Plugin]:
    """The entry point of the plugin."""
    return ReplacePlugin


def _signature(context: MethodSigContext) -> FunctionLike:
    model = get_proper_type(context.type)
    if not isinstance(model, Instance) or not model.type.has_base(BASE):
        return context.default_signature
    fields = {var.name: var.type for owner in reversed(model.type.mro) for var in _fields(owner) if var.type}
    return context.default_signature.copy_modified(
        arg_types=list(fields.values()), arg_kinds=[ARG_NAMED_OPT] * len(fields), arg_names=list(fields)
    )


def _fields(owner: TypeInfo) -> list[Var]:
    """The fields that the class itself declares; those of pydantic's own are none of ours."""
    if not owner.fullname.startswith("runbook_operator."):
        return []
    variables = (symbol.node for symbol in owner.names.values() if isinstance(symbol.node, Var))
    return [
        var for var in variables if not var.is_classvar and not var.name.startswith("_") and var.name != "model_config"
    ]
