"""Build the kubectl commands on switches for messages, all in one form and quoted for a shell."""

import json
import shlex

from runbook_operator.core.references import Ref


def throw(switch: Ref, reason: str = "") -> str:
    """Return the command that throws a switch."""
    return set_spec(switch, engaged=True, **({"reason": reason} if reason else {}))


def clear(switch: Ref) -> str:
    """Return the command that removes an override and its reason, so that the next throw does not get that reason."""
    return set_spec(switch, engaged=None, reason=None)


def silence(switch: Ref, reason: str = "", expires_after: str = "") -> str:
    """Return the command that releases a switch even if automation holds it."""
    more = {"expiresAfter": expires_after, "reason": reason}
    return set_spec(switch, engaged=False, **{name: value for name, value in more.items() if value})


def set_spec(switch: Ref, **spec: bool | str | None) -> str:
    """Return the command that merges these fields into the spec of a switch."""
    patch = json.dumps({"spec": spec}, separators=(",", ":"), ensure_ascii=False)
    return f"kubectl -n {switch.namespace} patch switch {switch.name} --type merge -p {shlex.quote(patch)}"
