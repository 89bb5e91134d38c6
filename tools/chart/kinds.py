"""The registered kinds as helpers of the chart's templates, so that no template has a list of them."""

import json
from collections.abc import Iterable

from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.api.resource_kind import ResourceKind
from runbook_operator.core.references import GROUP

HEAD = "{{- /* Made by make chart from the kinds that the operator registers. */}}\n"


def template() -> str:
    """Return the helpers: plurals, their status subresources, and the rights of the Job that removes finalizers."""
    kinds = tuple(RESOURCE_KINDS.values())
    plurals = [kind.plural for kind in kinds]
    helpers = {
        "kinds": ",".join(plurals),
        "kinds.statuses": ",".join(f"{plural}/status" for plural in plurals),
        "kinds.forget": json.dumps([_forgetting(kind) for kind in kinds]),
    }
    return HEAD + "".join(_helpers(helpers.items()))


def _forgetting(kind: ResourceKind) -> dict[str, list[str]]:
    """Return the rule to remove the finalizers of a kind; where it gives up saved values, it takes `delete` too."""
    verbs = ["get", "list", "patch", *(["delete"] if kind.uninstall else [])]
    return {"apiGroups": [GROUP], "resources": [kind.plural], "verbs": verbs}


def _helpers(texts: Iterable[tuple[str, str]]) -> Iterable[str]:
    return (f'{{{{- define "runbook-operator.{name}" -}}}}\n{text}\n{{{{- end }}}}\n' for name, text in texts)
