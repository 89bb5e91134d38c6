"""Build the kubectl commands on switches and incidents for messages, all in one form and quoted for a shell."""

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


def acknowledge(incident: Ref) -> str:
    """Return the command that acknowledges an incident."""
    return _patch("incidents.runbooks.dev", incident, acknowledged=True)


def resolve(incident: Ref, resolution: str = "") -> str:
    """Return the command that resolves an incident."""
    return _patch(
        "incidents.runbooks.dev", incident, resolved=True, **({"resolution": resolution} if resolution else {})
    )


def set_spec(switch: Ref, **spec: bool | str | None) -> str:
    """Return the command that merges these fields into the spec of a switch."""
    return _patch("switch", switch, **spec)


def _patch(resource: str, ref: Ref, **spec: bool | str | None) -> str:
    patch = json.dumps({"spec": spec}, separators=(",", ":"), ensure_ascii=False)
    return f"kubectl -n {ref.namespace} patch {resource} {ref.name} --type merge -p {shlex.quote(patch)}"
