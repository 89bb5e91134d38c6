"""Find the uses of a ConfigMap by a workload whose changes reach pods only after a restart."""

from collections.abc import Iterator
from typing import Any

from runbook_operator.core import field_paths
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.references import Ref


def stale(workload: ObservedObject, config: Ref) -> str:
    """Describe the uses that need a restart; empty if running pods see a change, or do not use the ConfigMap."""
    pod = _pod(workload)
    volumes = {str(one.get("name")) for one in _maps(pod.get("volumes")) if config.name in _sources(one)}
    containers, inits = _maps(pod.get("containers")), _maps(pod.get("initContainers"))
    stays = [*containers, *(one for one in inits if one.get("restartPolicy") == "Always")]
    ends = [one for one in inits if one.get("restartPolicy") != "Always"]
    mounted = [mount for one in stays for mount in _mounts(one, volumes)]
    ways = {
        "by subPath": any(mount.get("subPath") or mount.get("subPathExpr") for mount in mounted),
        "as environment variables": any(config.name in _variables(one) for one in stays),
        "by an init container": not mounted and any(True for one in ends for _ in _mounts(one, volumes)),
    }
    return " and ".join(way for way, is_so in ways.items() if is_so)


def _pod(workload: ObservedObject) -> dict[str, Any]:
    return _map(field_paths.get(workload.body, "spec.template.spec"))


def _maps(found: Any) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _map(found: Any) -> dict[str, Any]:
    return found if isinstance(found, dict) else {}


def _sources(volume: dict[str, Any]) -> set[str]:
    projected = _maps(_map(volume.get("projected")).get("sources"))
    found = (volume, *projected)
    return {_name(one.get("configMap")) for one in found}


def _name(found: Any) -> str:
    return str(_map(found).get("name", ""))


def _mounts(container: dict[str, Any], volumes: set[str]) -> Iterator[dict[str, Any]]:
    return (one for one in _maps(container.get("volumeMounts")) if str(one.get("name")) in volumes)


def _variables(container: dict[str, Any]) -> set[str]:
    """Return the names of the ConfigMaps in the container's environment."""
    whole = {_name(one.get("configMapRef")) for one in _maps(container.get("envFrom"))}
    single = (_map(one.get("valueFrom")) for one in _maps(container.get("env")))
    return whole | {_name(one.get("configMapKeyRef")) for one in single}
