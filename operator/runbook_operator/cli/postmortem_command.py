"""Print the post-mortem of an incident, read with the kubeconfig and the rights of the caller."""

from kubernetes.aio import config
from pydantic import ValidationError

from runbook_operator.api.incident_kind import IncidentObject, parse_incident
from runbook_operator.api.parsing import RunbookObject, parse_runbook
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.incidents.postmortem import postmortem
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube, connect
from runbook_operator.kube.discovery import own
from runbook_operator.runtime import clock
from runbook_operator.settings import Settings

Outcome = tuple[str, str]
"""The document and "", or "" and a sentence about why there is none."""
DEFAULT = "default"
NO_CLUSTER = "no cluster is configured; set KUBECONFIG"


async def document(settings: Settings, name: str, namespace: str) -> Outcome:
    """Return the post-mortem of the Incident; an empty namespace is that of the kubeconfig's current context."""
    namespace = namespace or _current_namespace()
    try:
        kube = await connect(settings.request_timeout)
    except config.ConfigException:
        return "", NO_CLUSTER
    try:
        return await _document(kube, name, namespace)
    except errors.OperatorError as error:
        return "", f"cannot read Incident {name} of namespace {namespace} and its Runbook: {error}"
    finally:
        await kube.close()


async def _document(kube: Kube, name: str, namespace: str) -> Outcome:
    try:
        incident = parse_incident(await kube.get(own(Ref(API_VERSION, "Incident", namespace, name))))
    except errors.NotFoundError:
        listed = f"kubectl -n {namespace} get incidents.runbooks.dev"
        return "", f"there is no Incident {name} in namespace {namespace}; to list them: {listed}"
    except ValidationError as error:
        return "", f"Incident {name} of namespace {namespace} has a field that this version does not know: {error}"
    return postmortem(incident, await _runbook(kube, incident), clock.now()), ""


async def _runbook(kube: Kube, incident: IncidentObject) -> RunbookObject | None:
    try:
        return parse_runbook(await kube.get(own(incident.runbook)))
    except errors.NotFoundError:
        return None


def _current_namespace() -> str:
    try:
        _, current = config.list_kube_config_contexts()
    except config.ConfigException:
        return DEFAULT
    return str(current["context"].get("namespace") or DEFAULT)
