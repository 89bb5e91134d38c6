"""Field paths as Kubernetes people write them."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.core.field_paths import (
    Element,
    Field,
    FieldError,
    Key,
    get,
    owner,
    parse,
    quoted,
    with_value,
    written,
)

IMAGE = "spec.template.spec.containers[name=app].image"
ENV = "spec.template.spec.containers[name=app].env[name=AI_ENABLED]"
BOUNDS = "spec{minReplicas,maxReplicas}"
PAUSED = "metadata.annotations[kustomize.toolkit.fluxcd.io/reconcile]"
FLAG = "data[app.yaml]#flags.ai"


def body() -> dict[str, Any]:
    containers = [
        {"name": "sidecar", "image": "proxy"},
        {"name": "app", "image": "web:1", "env": [{"name": "AI_ENABLED", "value": "true"}], "ports": [{"port": 80}]},
    ]
    return {
        "metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "enabled"}},
        "spec": {"replicas": 2, "minReplicas": 1, "maxReplicas": 5, "template": {"spec": {"containers": containers}}},
        "data": {"app.yaml": "# ours\r\nflags: {ai: 'on'}  # é\r\n", "app.json": '{"flags": {"a.b": true}}'},
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("spec.replicas", 2),
        (PAUSED, "enabled"),
        (ENV, {"name": "AI_ENABLED", "value": "true"}),
        (f"{ENV}.value", "true"),
        (f"{ENV}{{value,valueFrom}}", {"value": "true"}),
        ("spec.template.spec.containers[name=app].ports[port=80].port", 80),
        (BOUNDS, {"minReplicas": 1, "maxReplicas": 5}),
        (FLAG, "'on'"),
        ("data[app.json]#flags[a.b]", "true"),
        ("", body()),
    ],
)
def test_existing_field_is_found(field: str, value: object) -> None:
    assert get(body(), field) == value
    assert str(parse(field)) == field


@pytest.mark.parametrize(
    "field",
    [
        "spec.paused",
        "spec.replicas.more",
        "nothing.of.this",
        "spec[name=app].image",
        "spec.template.spec.containers[name=other].image",
        "spec.template.spec.containers[id=app]",
        "spec{a,b}",
        "data[other.yaml]#a",
        "data[app.yaml]#flags.other",
        "data[app.yaml]#flags.ai.deeper",
    ],
)
def test_missing_field_is_none(field: str) -> None:
    assert get(body(), field) is None


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        (".a", "from character 1 on: '.a'"),
        ("a.", "from character 2 on: '.'"),
        ("a..b", "from character 2 on"),
        ("a.[b]", "from character 2 on"),
        ("a[b", "from character 2 on"),
        ("a[]", "from character 2 on"),
        ("a[b.c=d]", "from character 2 on"),
        ("a/b", "from character 2 on"),
        ("a b", "from character 2 on"),
        ("a{}", "from character 2 on"),
        ("a{b, c}", "from character 2 on"),
        ("é", "from character 1 on"),
        ("a#b.é", "from character 4 on"),
        ("[name=x]", "must follow the key of a list"),
        ("a[b=c][d=e]", r"\[d=e\] must follow the key of a list"),
        ("a{b}.c", "only in the last step"),
        ("#a", "# must stand between"),
        ("a#", "# must stand between"),
        ("a{b}#c", "# must stand between"),
        ("a[b=c]#d", "# must stand between"),
        ("a#b[c=d]", "# must stand between"),
        ("a#b{c}", "# must stand between"),
        ("a#b#c", "from character 4 on"),
    ],
)
def test_invalid_path_is_refused_with_its_position(field: str, problem: str) -> None:
    with pytest.raises(FieldError, match=problem) as caught:
        parse(field)

    assert caught.value.path == field


def test_path_is_parsed_once() -> None:
    assert parse("spec.replicas") is parse("spec.replicas")
    assert parse("spec.replicas") == Field("spec.replicas", (Key("spec"), Key("replicas")))


VALUES = st.one_of(st.booleans(), st.integers(), st.text(max_size=4), st.lists(st.integers(), min_size=1))
RAWS = st.sampled_from(["off", '"x"', "12", "'it''s'", "a word"])
SETTINGS = st.one_of(
    st.tuples(st.sampled_from(["spec.replicas", "spec.new", PAUSED, IMAGE, f"{ENV}.value"]), st.none() | VALUES),
    st.tuples(
        st.just(BOUNDS),
        st.none() | st.dictionaries(st.sampled_from(["minReplicas", "maxReplicas"]), VALUES, min_size=1),
    ),
    st.tuples(st.just(ENV), st.none() | VALUES.map(lambda value: {"name": "AI_ENABLED", "value": value})),
    st.tuples(st.just(FLAG), RAWS),
)


@given(SETTINGS)
def test_put_value_is_read_and_can_be_restored(setting: tuple[str, Any]) -> None:
    field, value = setting
    before = body()

    after = with_value(before, field, value)

    assert get(after, field) == value
    assert before == body()
    assert with_value(after, field, get(before, field)) == before


@given(SETTINGS)
def test_put_shares_all_other_branches(setting: tuple[str, Any]) -> None:
    before = body()

    after = with_value(before, *setting)

    assert after is not before
    assert after["metadata"] is before["metadata"] or setting[0] == PAUSED
    assert after["data"] is before["data"] or setting[0] == FLAG


@pytest.mark.parametrize(
    ("field", "value", "made"),
    [
        ("a.b", 1, {"a": {"b": 1}}),
        ("a{b,c}", {"b": 1}, {"a": {"b": 1}}),
        ("a[name=x]", {"name": "x"}, {"a": [{"name": "x"}]}),
        ("a[name=x].b[c.d]", 1, {"a": [{"name": "x", "b": {"c.d": 1}}]}),
        ("a.b", None, {}),
        ("a[name=x].b", None, {}),
        ("", {"a": 1}, {"a": 1}),
    ],
)
def test_put_creates_missing_parents(field: str, value: object, made: object) -> None:
    assert with_value({}, field, value) == made


def test_put_appends_an_element_and_removal_keeps_the_others() -> None:
    before = {"a": [{"name": "x"}, "odd"]}

    after = with_value(before, "a[name=y].v", 1)

    assert after == {"a": [{"name": "x"}, "odd", {"name": "y", "v": 1}]}
    assert with_value(after, "a[name=y]", None) == before
    assert with_value({"a": [], "b": 1}, "a[name=x]", None) == {"a": [], "b": 1}
    assert with_value({"a": {"b": 1}}, "a.b", None) == {"a": {}}


def test_removing_the_only_element_removes_its_created_list() -> None:
    for before in ({}, {"a": [{"name": "x"}]}):
        after = with_value(before, "a[name=x].b[name=y]", {"name": "y"})

        assert with_value(after, "a[name=x].b[name=y]", None) == {"a": [{"name": "x"}]}
    assert with_value({"a": [{"name": "x"}]}, "a[name=x]", None) == {}


def test_key_may_contain_every_character() -> None:
    match = "PathRegexp(`^/[0-9]+%$`) && Host(`a.b`) # x.y"
    field = f"routes[match={quoted(match)}].service"
    before = {"routes": [{"match": "Host(`a.b`)"}, {"match": match}]}

    after = with_value(before, field, "web")

    assert after == {"routes": [before["routes"][0], {"match": match, "service": "web"}]}
    assert get(after, field) == "web"
    assert str(parse(field).steps[1]) == f"[match={quoted(match)}]"
    assert parse("env[name=AI_ENABLED]").steps[1] == Element("name", "AI_ENABLED")


def test_group_put_removes_omitted_fields() -> None:
    assert with_value({"a": {"b": 1, "c": 2, "d": 3}}, "a{b,c}", {"c": 4}) == {"a": {"c": 4, "d": 3}}
    assert get({"a": {"b": None}}, "a{b,c}") is None


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("spec.replicas.x", 1, "spec.replicas is not a map"),
        ("spec.replicas[name=x]", {"name": "x"}, "spec.replicas is not a list"),
        ("spec.template.spec.containers.x", 1, "spec.template.spec.containers is not a map"),
        (f"{ENV}.name", "other", "can only be replaced by one that is"),
        (ENV, {"value": "x"}, "can only be replaced by one that is"),
        (BOUNDS, {"replicas": 1}, "a map of minReplicas, maxReplicas and nothing else"),
        (BOUNDS, 1, "a map of minReplicas, maxReplicas and nothing else"),
        ("", None, "only be replaced by a map"),
        (FLAG, None, "cannot be removed"),
        (FLAG, 1, "written as text"),
        ("data[app.yaml]#flags.other", "1", "the document has no #flags.other"),
        ("data[other.yaml]#a", "1", r"data\[other.yaml\] is not a text"),
        ("spec.replicas#a", "1", "spec.replicas is not a text"),
        ("data[app.yaml]#flags", "1", "a map or a list"),
    ],
)
def test_put_that_does_not_fit_is_refused_with_the_path(field: str, value: object, problem: str) -> None:
    with pytest.raises(FieldError, match=problem) as caught:
        with_value(body(), field, value)

    assert caught.value.path == field


def test_duplicate_element_is_refused() -> None:
    twice = {"a": [{"name": "x"}, {"name": "x"}]}

    for attempt in (lambda: get(twice, "a[name=x]"), lambda: with_value(twice, "a[name=x]", None)):
        with pytest.raises(FieldError, match=r"^a\[name=x\]: a has 2 elements \[name=x\]; one is expected$"):
            attempt()


def test_text_that_is_no_document_is_not_read() -> None:
    with pytest.raises(FieldError, match=r"^data.x#a: .* not a YAML or JSON document"):
        get({"data": {"x": "{"}}, "data.x#a")


def test_value_in_a_document_is_written_in_its_style() -> None:
    assert written(body(), FLAG, "off") == "'off'"
    assert written(body(), "data[app.json]#flags[a.b]", "off") == '"off"'
    with pytest.raises(FieldError, match=r"^data\[app.yaml\]#x: the document has no #x"):
        written(body(), "data[app.yaml]#x", "1")


def managed(manager: str, time: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"manager": manager, "time": time, "fieldsV1": fields}


ENV_KEY = 'k:{"name":"AI_ENABLED"}'
APP: dict[str, Any] = {".": {}, "f:name": {}, "f:env": {".": {}, ENV_KEY: {".": {}, "f:value": {}}}}
PORTS: dict[str, Any] = {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:name": {}}, 'v:"x"': {}}
OWNED = {
    "managedFields": [
        managed("helm", "2026-01-01T00:00:00Z", {"f:spec": {"f:replicas": {}, "f:selector": {}}}),
        managed("kubectl-patch", "2026-01-03T00:00:00Z", {"f:spec": {"f:replicas": {}}}),
        managed("kubectl-edit", "2026-01-02T00:00:00Z", {"f:spec": {"f:replicas": {}, "f:minReplicas": {}}}),
        managed("argocd", "2026-01-04T00:00:00Z", {"f:data": {".": {}, "f:app.yaml": {}}}),
        managed("flux", "2026-01-05T00:00:00Z", {"f:spec": {"f:containers": {'k:{"name":"app"}': APP}}}),
        managed("cri", "2026-01-05T00:00:00Z", {"f:spec": {"f:ports": PORTS}}),
        {"manager": "nobody", "time": "2026-01-06T00:00:00Z"},
    ]
}


@pytest.mark.parametrize(
    ("field", "manager"),
    [
        ("spec.replicas", "kubectl-patch"),
        ("spec.selector.matchLabels.app", "helm"),
        (BOUNDS, "kubectl-edit"),
        ("spec{a,b}", ""),
        (FLAG, "argocd"),
        ("data", "argocd"),
        ("data[other.yaml]", ""),
        ("spec.containers[name=app]", "flux"),
        ("spec.containers[name=app].env[name=AI_ENABLED].value", "flux"),
        ("spec.containers[name=app].env[name=OTHER]", ""),
        ("spec.containers[name=app].image", ""),
        ("spec.containers[name=other]", ""),
        ("spec.ports[containerPort=80]", "cri"),
        ("spec.ports[name=http]", ""),
        ("metadata.labels", ""),
        ("", "nobody"),
    ],
)
def test_field_owner_is_the_last_writer_of_the_field_or_below(field: str, manager: str) -> None:
    assert owner(OWNED, field)[0] == manager


def test_field_owner_has_a_time_and_missing_owner_has_none() -> None:
    assert owner(OWNED, "spec.replicas") == ("kubectl-patch", "2026-01-03T00:00:00Z")
    assert owner({}, "spec.replicas") == ("", "")
    assert owner({"managedFields": None}, "") == ("", "")


def test_put_does_not_change_its_input() -> None:
    before = body()
    kept = copy.deepcopy(before)

    with_value(before, IMAGE, "web:2")

    assert before == kept
