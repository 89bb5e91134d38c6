"""The registry of metric backends."""

from types import new_class

import pytest

from runbook_operator.monitoring.backends import REGISTRY
from runbook_operator.monitoring.backends.metric_backend import USUAL, MetricBackend, SourceSpec


def test_each_backend_has_its_kind_as_the_type_of_its_entries() -> None:
    assert sorted(REGISTRY) == ["influxdb", "prometheus"]
    assert USUAL in REGISTRY
    for kind, backend in REGISTRY.items():
        assert kind in str(backend.Spec.model_fields["type"].annotation)
        assert issubclass(backend.Spec, SourceSpec)
        assert backend.__doc__


def test_two_backends_of_one_kind_are_an_error() -> None:
    with pytest.raises(TypeError, match="two backends are called prometheus"):
        new_class("Again", (MetricBackend,), exec_body=lambda body: body.update(kind="prometheus"))
