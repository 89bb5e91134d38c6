"""What is asked, and in whose name what it takes is read."""

from datetime import timedelta

import pytest

from runbook_operator.core.level_tracker import Timing
from runbook_operator.core.monitors import (
    Ask,
    AskGrpc,
    AskHttp,
    AskMetric,
    AskNumber,
    AskObject,
    AskPods,
    AskTcp,
    Key,
    SecretKeyRef,
    Secured,
    ServiceEndpoint,
    Watch,
    under,
)
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.sources import REGISTRY
from tests.builders import ACCOUNT, NAMESPACE, WEB

AT = ServiceEndpoint(Ref("v1", "Service", NAMESPACE, "web"))
SECRET = Ref("v1", "Secret", NAMESPACE, "keys")
OWN, THEIRS = SecretKeyRef(SECRET, "ca"), SecretKeyRef(SECRET, "ca", ACCOUNT)
SPEC = REGISTRY["object"].Spec.model_validate(
    {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "field": "spec.replicas"}
)


def http(kept: SecretKeyRef) -> AskHttp:
    return AskHttp(AT, headers=(("X-Key", kept), ("X-Tier", "gold")), tls=Secured(kept))


def number(request: AskHttp | AskObject | AskPods) -> AskNumber:
    return AskNumber("object", SPEC, request)


def watch(ask: Ask) -> Watch:
    key = Key(Ref(API_VERSION, "Runbook", NAMESPACE, "shop"), "Dependency", "it")
    second = timedelta(seconds=1)
    return Watch(key, ask, second, second, Timing(second, second, second))


@pytest.mark.parametrize(
    ("ask", "theirs"),
    [
        (http(OWN), http(THEIRS)),
        (AskHttp(AT), AskHttp(AT)),
        (AskGrpc(AT, tls=Secured(OWN)), AskGrpc(AT, tls=Secured(THEIRS))),
        (AskGrpc(AT, tls=Secured()), AskGrpc(AT, tls=Secured())),
        (number(http(OWN)), number(http(THEIRS))),
        (number(AskObject(WEB)), number(AskObject(WEB, ACCOUNT))),
        (number(AskPods(WEB)), number(AskPods(WEB, ACCOUNT))),
        (AskTcp(AT), AskTcp(AT)),
        (AskMetric("default", "up"), AskMetric("default", "up")),
    ],
)
def test_reads_with_a_service_account_are_done_as_that_account(ask: Ask, theirs: Ask) -> None:
    assert under(watch(ask), ACCOUNT) == watch(theirs)
    assert under(watch(ask), None) == watch(ask)
