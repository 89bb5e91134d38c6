"""A flag is set where it lives, as it is written there, and a restart follows it both ways."""

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError

from runbook_operator.actions.rolling_restart import RESTARTED_FOR
from runbook_operator.actions.set_flag import SetFlag, SetFlagSpec
from runbook_operator.core import yaml_positions
from runbook_operator.core.observed_object import observed_from
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.kube import errors
from runbook_operator.reconcile.steps import WriteTarget
from tests.builders import NAMESPACE, WEB, Body, Simulation, condition, kill_switch, workload_body

CONFIG = Ref("v1", "ConfigMap", NAMESPACE, "flags")
DOCUMENT = """# what the shop can do
flags:
  ai: 'on'     # quoted, or it would be true
  checkout: on
"""


def config_map(**data: str) -> Body:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": data}


def workload(*containers: Body, **spec: Any) -> Body:
    found = list(containers) or [{"name": "app"}]
    template = {"metadata": {"annotations": {"team": "shop"}}, "spec": {"containers": found}}
    return workload_body(3, template=template, **spec)


def set_flag(flag: str = "ai", value: str = "false", **rest: Any) -> Body:
    return {"setFlag": {"target": "web", "flag": flag, "value": value} | rest}


def ready(*objects: Body, flags: Body | None = None, actions: tuple[Body, ...] = (), **rest: Any) -> Simulation:
    """The switch `stop` with these actions, on a target with a workload and flags."""
    return declare(Simulation(), *objects, flags=flags, actions=actions, **rest)


def declare(
    simulation: Simulation, *objects: Body, flags: Body | None = None, actions: tuple[Body, ...] = (), **rest: Any
) -> Simulation:
    for body in objects:
        simulation.with_object(body)
    target = {"name": "web", "workload": {"name": "web"}, "flags": flags or {"configMap": "flags"}}
    return simulation.with_runbook(targets=[target], killSwitches=[kill_switch("stop", *actions, **rest)])


def thrown(*objects: Body, action: Body | None = None, flags: Body | None = None) -> Simulation:
    return ready(*objects, flags=flags, actions=(action or set_flag(),)).throw().drive()


def data(simulation: Simulation) -> dict[str, str]:
    found: dict[str, str] = simulation.live("ConfigMap", "flags")["data"]
    return found


def env(simulation: Simulation, container: int = 0) -> Any:
    containers = simulation.live("Deployment", "web")["spec"]["template"]["spec"]["containers"]
    return containers[container].get("env")


def annotations(simulation: Simulation) -> dict[str, str]:
    found: dict[str, str] = simulation.live("Deployment", "web")["spec"]["template"]["metadata"]["annotations"]
    return found


def remarks(simulation: Simulation) -> list[str]:
    record = simulation.status().record
    assert record is not None
    return [one.reason for one in record.remarks]


def refusal(simulation: Simulation) -> tuple[str, str]:
    """Reason and message of the Ready condition, which is not true."""
    status, reason, message = condition(simulation.status(), "Ready")
    assert status == "False"
    return reason, message


def written(simulation: Simulation) -> list[str]:
    """What was written to targets, in order."""
    return [
        change.field_key[1] for step in simulation.steps if isinstance(step, WriteTarget) for change in step.changes
    ]


def test_config_map_key_is_set_and_restored() -> None:
    simulation = thrown(config_map(ai="true", color="red"))

    assert data(simulation) == {"ai": "false", "color": "red"}
    assert simulation.status().phase == "Engaged"
    assert remarks(simulation) == []
    simulation.release().drive()
    assert data(simulation) == {"ai": "true", "color": "red"}


def test_flag_changed_while_held_is_reapplied_and_kept_when_changed_after_release() -> None:
    simulation = thrown(config_map(ai="true"))

    simulation.change(CONFIG, {"data": {"ai": "maybe"}}).drive()
    assert data(simulation) == {"ai": "false"}
    assert simulation.said[-1].reason is Reason.DRIFT_CORRECTED

    simulation.release().change(CONFIG, {"data": {"ai": "maybe"}}).drive()
    assert data(simulation) == {"ai": "maybe"}


def test_missing_flag_is_added_with_a_remark_and_removed_at_release() -> None:
    simulation = thrown(config_map(color="red"), action=set_flag("a.i", flagMustExist=False))

    assert data(simulation) == {"color": "red", "a.i": "false"}
    assert remarks(simulation) == ["FlagAdded"]
    simulation.release().drive()
    assert data(simulation) == {"color": "red"}


@pytest.mark.parametrize(
    ("there", "says"),
    [
        (("ai_enabled", "ai_enabled2", "color"), "did you mean ai_enabled or ai_enabled2? Correct the flag's name"),
        (("AI_ENABLED",), "did you mean AI_ENABLED? Correct"),
        (("color", "size"), "there is color, size. Correct"),
        (tuple("cdefgh"), "there is c, d, e, f, g and 1 more. Correct"),
        ((), "there is none. Correct"),
    ],
)
def test_misspelt_flag_is_refused_with_the_nearest_names(there: tuple[str, ...], says: str) -> None:
    simulation = ready(config_map(**dict.fromkeys(there, "true")), actions=(set_flag("ai_enabld"),)).drive()

    reason, message = refusal(simulation)
    assert reason == "FlagNotFound"
    assert message.startswith(f"ConfigMap/flags has no flag ai_enabld; {says}")
    simulation.throw().drive()
    assert (simulation.status().phase, refusal(simulation)) == ("Stalled", (reason, message))
    assert data(simulation) == dict.fromkeys(there, "true")
    simulation.change(CONFIG, {"data": {"ai_enabld": "true"}}).store.evict([CONFIG])
    simulation.after(seconds=10).drive()
    assert (simulation.status().phase, data(simulation)["ai_enabld"]) == ("Engaged", "false")


def test_misspelt_variable_is_refused_with_the_nearest_name() -> None:
    body = workload({"name": "app", "env": [{"name": "AI_ENABLED", "value": "true"}]})

    reason, message = refusal(ready(body, actions=(set_flag("AI_ENABLD", env={}),)).drive())

    assert reason == "FlagNotFound"
    assert message.startswith("Deployment/web: container app has no variable AI_ENABLD; did you mean AI_ENABLED?")


def test_variable_possibly_in_envfrom_is_set_with_a_remark() -> None:
    body = workload({"name": "app", "envFrom": [{"configMapRef": {"name": "flags"}}]})

    simulation = thrown(body, action=set_flag("AI", env={}))

    assert env(simulation) == [{"name": "AI", "value": "false"}]
    assert remarks(simulation) == ["FlagAdded", "RollsOut"]


def test_missing_flag_in_a_document_is_refused_even_when_flag_must_exist_is_false() -> None:
    simulation = ready(
        config_map(**{"app.yaml": DOCUMENT}), flags=AT, actions=(set_flag("flags.x", flagMustExist=False),)
    )

    assert refusal(simulation.drive())[0] == "FlagNotFound"


def test_immutable_config_map_is_refused_at_rest() -> None:
    simulation = ready(config_map(ai="true") | {"immutable": True}, actions=(set_flag(),)).drive()

    assert refusal(simulation) == (
        "Immutable",
        (
            "ConfigMap/flags is immutable, so no flag in it can be set; delete it and create it again without "
            "immutable: true"
        ),
    )


def test_target_without_flags_is_refused_with_the_field_to_declare() -> None:
    simulation = Simulation().with_target()
    simulation.with_runbook(killSwitches=[kill_switch("stop", set_flag())]).drive()

    assert refusal(simulation) == ("InvalidSpec", "spec.targets: target web has no flags; declare web.flags")


@pytest.mark.parametrize(
    ("flag", "value", "line"),
    [
        ("flags.ai", "off", "  ai: 'off'     # quoted, or it would be true"),
        ("flags.checkout", "off", "  checkout: off"),
    ],
)
def test_flag_in_a_yaml_document_changes_only_its_line(flag: str, value: str, line: str) -> None:
    at = {"configMap": "flags", "key": "app.yaml"}
    simulation = thrown(config_map(**{"app.yaml": DOCUMENT}), action=set_flag(flag, value), flags=at)

    changed = [new for new, old in zip(*texts(data(simulation)["app.yaml"], DOCUMENT), strict=True) if new != old]
    assert changed == [line]
    assert simulation.status().phase == "Engaged"
    simulation.change(CONFIG, {"data": {"app.yaml": DOCUMENT}}).drive()
    assert line in data(simulation)["app.yaml"]
    simulation.release().drive()
    assert data(simulation) == {"app.yaml": DOCUMENT}


def texts(*found: str) -> list[list[str]]:
    return [text.splitlines() for text in found]


def test_flag_in_a_json_document_stays_json() -> None:
    text = '{"flags": {"ai": true, "model": "large"}}'
    at = {"configMap": "flags", "key": "app.json"}

    simulation = thrown(config_map(**{"app.json": text}), action=set_flag("flags.ai"), flags=at)
    assert data(simulation) == {"app.json": '{"flags": {"ai": false, "model": "large"}}'}

    simulation = thrown(config_map(**{"app.json": text}), action=set_flag("flags.model", "small"), flags=at)
    assert data(simulation) == {"app.json": '{"flags": {"ai": true, "model": "small"}}'}


@pytest.mark.parametrize(
    ("text", "flag", "says"),
    [
        (
            DOCUMENT,
            "flags.voice",
            "add the flag to the document first: the operator changes values in a document and cannot remove a key",
        ),
        (DOCUMENT, "flags..voice", "cannot be parsed from character"),
        (DOCUMENT, "flags", "it is a map or a list in the document, not a single value"),
        ("a: 1\n---\na: 2\n", "a", "the text has several YAML documents"),
    ],
)
def test_path_missing_in_a_document_is_refused_with_a_hint(text: str, flag: str, says: str) -> None:
    at = {"configMap": "flags", "key": "app.yaml"}
    simulation = ready(config_map(**{"app.yaml": text}), flags=at, actions=(set_flag(flag),)).drive()

    reason, message = refusal(simulation)
    assert reason == ("FlagNotFound" if flag == "flags.voice" else "FieldNotFound")
    assert message.startswith("ConfigMap/flags: data[app.yaml]#flags" if text is DOCUMENT else "ConfigMap/flags: ")
    assert says in message


SPRING = """# the whole team edits this
spring.application.name: shop
server:
  port: 8080
app.features.ai: true
app.features:
  search: "on"   # keep
  both: 1
app: {features: {both: 2}}
"""
AT = {"configMap": "flags", "key": "app.yaml"}


@pytest.mark.parametrize(
    ("flag", "value", "line"),
    [
        (r"app\.features\.ai", "false", "app.features.ai: false"),
        (r"app\.features.search", "off", '  search: "off"   # keep'),
        (r"spring\.application\.name", "market", "spring.application.name: market"),
        ("server.port", "9090", "  port: 9090"),
    ],
)
def test_escaped_dotted_key_is_set(flag: str, value: str, line: str) -> None:
    simulation = thrown(config_map(**{"app.yaml": SPRING}), action=set_flag(flag, value), flags=AT)

    changed = [new for new, old in zip(*texts(data(simulation)["app.yaml"], SPRING), strict=True) if new != old]
    assert changed == [line]
    assert remarks(simulation) == []
    simulation.release().drive()
    assert data(simulation) == {"app.yaml": SPRING}


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("app.features.ai", r" key contains dots; set flag to app\.features\.ai: a \ before"),
        ("app.features.search", r" key contains dots; set flag to app\.features.search: a \ before"),
        ("app.features.both", r"it again as app\.features.both; an app that takes the two for the same"),
        ("app.features.none", "add the flag to the document first:"),
    ],
)
def test_flag_under_a_dotted_key_is_refused_with_its_spelling(flag: str, says: str) -> None:
    simulation = ready(config_map(**{"app.yaml": SPRING}), flags=AT, actions=(set_flag(flag),)).drive()

    reason, message = refusal(simulation)
    assert reason == ("FieldNotFound" if flag.endswith("both") else "FlagNotFound")
    assert says in message
    assert ("add the flag to" in message) == (flag == "app.features.none")


def test_escaped_dotted_key_next_to_a_nested_one_is_set_with_a_remark() -> None:
    simulation = thrown(config_map(**{"app.yaml": SPRING}), action=set_flag(r"app\.features.both", "3"), flags=AT)

    assert "  both: 3\n" in data(simulation)["app.yaml"]
    assert remarks(simulation) == ["FlagOverridden"]


def test_properties_file_is_refused() -> None:
    simulation = ready(config_map(**{"app.yaml": "app.ai=true\n"}), flags=AT, actions=(set_flag("app.ai"),)).drive()

    assert (
        "the text is a single value or a list, such as a .properties file, and not a YAML or JSON map:"
        in refusal(simulation)[1]
    )


@pytest.mark.parametrize("flag", ["features/ai", "a:b", "größe", ".", "..", "..data", "a\\b"])
def test_flag_name_invalid_as_config_map_key_is_refused(flag: str) -> None:
    simulation = ready(config_map(ai="true"), actions=(set_flag(flag),)).drive()

    reason, message = refusal(simulation)
    assert reason == "InvalidSpec"
    assert f"so no key can be named {flag}; for a flag inside a document" in message


@pytest.mark.parametrize("flags", [{"configMap": "flags"}, {"configMap": "flags", "key": "ai"}])
def test_flag_under_binary_data_is_refused(flags: Body) -> None:
    body = config_map(color="red") | {"binaryData": {"ai": "//50AHIAdQBlAA=="}}

    simulation = ready(body, flags=flags, actions=(set_flag(),)).drive()

    text = "ConfigMap/flags has ai under binaryData, since its file is not UTF-8"
    assert refusal(simulation)[1].startswith(text)


def test_document_taken_for_a_flag_is_refused_with_its_size() -> None:
    simulation = ready(config_map(ai="x" * 20_000), actions=(set_flag(),)).drive()

    reason, message = refusal(simulation)
    assert reason == "DocumentTooLarge"
    assert message.startswith("ConfigMap/flags: data.ai has 19 KB, so it is a document and not a flag; set flags.key")


def test_large_yaml_document_is_refused_at_rest() -> None:
    text = "flags:\n" + "".join(f"  flag{n}: true\n" for n in range(6000))
    simulation = ready(config_map(**{"app.yaml": text}), flags=AT, actions=(set_flag("flags.flag1"),)).drive()

    reason, message = refusal(simulation)
    assert reason == "DocumentTooLarge"
    assert "the document has 98 KB; YAML of more than 64 KB is not parsed" in message


def test_throw_does_not_parse_a_document_parsed_at_the_close_look(monkeypatch: pytest.MonkeyPatch) -> None:
    text = DOCUMENT + "# read at the deep check\n"
    simulation = ready(config_map(**{"app.yaml": text}), flags=AT, actions=(set_flag("flags.ai", "off"),)).drive()
    read: list[str] = []
    monkeypatch.setattr(yaml_positions, "read", lambda text, _: read.append(text))

    simulation.throw().drive()

    assert simulation.status().phase == "Engaged"
    assert read == []


def test_broken_document_is_reported_and_held_again_once_repaired() -> None:
    at = {"configMap": "flags", "key": "app.yaml"}
    simulation = thrown(config_map(**{"app.yaml": DOCUMENT}), action=set_flag("flags.ai", "off"), flags=at)

    simulation.change(CONFIG, {"data": {"app.yaml": "flags: {"}}).drive()
    assert refusal(simulation)[0] == "FieldNotFound"
    assert "the text is not a YAML or JSON document" in refusal(simulation)[1]
    assert data(simulation) == {"app.yaml": "flags: {"}

    simulation.change(CONFIG, {"data": {"app.yaml": DOCUMENT}}).drive()
    assert "ai: 'off' " in data(simulation)["app.yaml"]
    assert simulation.status().phase == "Engaged"


def test_document_broken_at_release_is_left_and_reported() -> None:
    at = {"configMap": "flags", "key": "app.yaml"}
    simulation = thrown(config_map(**{"app.yaml": DOCUMENT}), action=set_flag("flags.ai", "off"), flags=at)

    simulation.release().change(CONFIG, {"data": {"app.yaml": "flags: {"}}).drive()

    assert simulation.status().phase == "Released"
    assert condition(simulation.status(), "Restored")[1] == "RestoreSkipped"


def test_missing_document_key_is_refused() -> None:
    simulation = ready(config_map(ai="true"), flags={"configMap": "flags", "key": "app.yaml"}, actions=(set_flag(),))

    assert refusal(simulation.drive()) == (
        "FieldNotFound",
        "ConfigMap/flags has no data[app.yaml]; correct flags.key of the target",
    )


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("key", ["", "app.yaml"])
def test_two_switches_on_one_flag_restore_the_original_in_either_order(order: tuple[str, str], key: str) -> None:
    before = {"app.yaml": DOCUMENT} if key else {"ai": "on"}
    flag = "flags.ai" if key else "ai"
    target = {"name": "web", "flags": {"configMap": "flags", "key": key}}
    switches = [kill_switch(name, set_flag(flag, value)) for name, value in (("a", "off"), ("b", "dim"))]
    simulation = Simulation().with_object(config_map(**before))
    simulation.with_runbook(targets=[target], killSwitches=switches)
    for name in ("a", "b"):
        simulation.throw(name).drive("a", "b")
    assert "dim" in str(data(simulation))

    simulation.release(order[0]).drive("a", "b")
    assert ("off" if order[0] == "b" else "dim") in str(data(simulation))
    simulation.release(order[1]).drive("a", "b")
    assert data(simulation) == before


NO_FEATURE_FLAG = (
    "FeatureFlag/flags has no flag ai; there is ai.chat. Correct the flag's name, or declare it under "
    "spec.flagSpec.flags"
)


def feature_flag(**flag: Any) -> Body:
    usual = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    return {
        "apiVersion": "core.openfeature.dev/v1beta1",
        "kind": "FeatureFlag",
        "metadata": {"name": "flags"},
        "spec": {"flagSpec": {"flags": {"ai.chat": usual | flag}}},
    }


def default_variant(simulation: Simulation) -> str:
    spec = simulation.live("FeatureFlag", "flags")["spec"]
    return str(spec["flagSpec"]["flags"]["ai.chat"]["defaultVariant"])


def test_open_feature_flag_holds_another_default_variant() -> None:
    simulation = thrown(feature_flag(), action=set_flag("ai.chat", "off"), flags={"featureFlag": "flags"})

    assert default_variant(simulation) == "off"
    assert remarks(simulation) == []
    simulation.release().drive()
    assert default_variant(simulation) == "on"


@pytest.mark.parametrize(
    ("flag", "value", "why"),
    [
        (
            "ai.chat",
            "false",
            ("InvalidSpec", "FeatureFlag/flags: flag ai.chat has no variant false; set one of on, off"),
        ),
        (
            "ai",
            "off",
            ("FlagNotFound", NO_FEATURE_FLAG),
        ),
    ],
)
def test_missing_variant_or_flag_is_refused_with_the_existing_ones(flag: str, value: str, why: tuple[str, str]) -> None:
    at = {"featureFlag": "flags"}

    assert refusal(ready(feature_flag(), flags=at, actions=(set_flag(flag, value),)).drive()) == why


@pytest.mark.parametrize("rule", [{"state": "DISABLED"}, {"targeting": {"if": []}}])
def test_disabled_or_targeted_feature_flag_is_remarked(rule: Body) -> None:
    simulation = thrown(feature_flag(**rule), action=set_flag("ai.chat", "off"), flags={"featureFlag": "flags"})

    assert default_variant(simulation) == "off"
    assert remarks(simulation) == ["FlagOverridden"]


def test_variable_of_the_only_container_is_set_removed_and_remarked_as_rollout() -> None:
    simulation = thrown(
        workload({"name": "app", "image": "shop:1"}), action=set_flag("AI", env={}, flagMustExist=False)
    )

    assert env(simulation) == [{"name": "AI", "value": "false"}]
    assert remarks(simulation) == ["FlagAdded", "RollsOut"]
    simulation.release().drive()
    assert simulation.live("Deployment", "web")["spec"] == workload({"name": "app", "image": "shop:1"})["spec"]


def test_variable_from_a_source_is_replaced_by_a_value_and_restored_in_place() -> None:
    before = [
        {"name": "AI", "valueFrom": {"configMapKeyRef": {"name": "flags", "key": "ai"}}},
        {"name": "COLOR", "value": "red"},
    ]
    simulation = thrown(workload({"name": "app", "env": before}), action=set_flag("AI", env={}))

    assert env(simulation) == [{"name": "AI", "value": "false"}, {"name": "COLOR", "value": "red"}]
    simulation.release().drive()
    assert env(simulation) == before


def test_empty_variable_value_is_written_without_value_field() -> None:
    simulation = thrown(workload(), action=set_flag("AI", "", env={}, flagMustExist=False))

    assert env(simulation) == [{"name": "AI"}]
    assert simulation.status().phase == "Engaged"


def test_variable_with_the_held_value_causes_no_rollout() -> None:
    simulation = thrown(
        workload({"name": "app", "env": [{"name": "AI", "value": "false"}]}), action=set_flag("AI", env={})
    )
    assert remarks(simulation) == ["AlreadySet"]
    assert not any(isinstance(step, WriteTarget) for step in simulation.steps)

    simulation.change(WEB, {"spec": workload({"name": "app", "env": []})["spec"]}).drive()

    assert env(simulation) == [{"name": "AI", "value": "false"}]


def test_variable_with_several_containers_needs_a_container_name() -> None:
    containers = ({"name": "app"}, {"name": "proxy"})

    simulation = thrown(workload(*containers), action=set_flag("AI", env={"container": "proxy"}, flagMustExist=False))
    assert (env(simulation, 0), env(simulation, 1)) == (None, [{"name": "AI", "value": "false"}])

    assert refusal(ready(workload(*containers), actions=(set_flag("AI", env={}),)).drive()) == (
        "InvalidSpec",
        "Deployment/web has the containers app, proxy; choose one with env.container",
    )
    assert refusal(ready(workload(), actions=(set_flag("AI", env={"container": "db"}),)).drive()) == (
        "FieldNotFound",
        "Deployment/web has no container db; it has app",
    )


def test_last_of_two_variables_with_one_name_is_set_and_restored() -> None:
    default, other, override = (
        {"name": "AI", "value": "true"},
        {"name": "B", "value": "1"},
        {"name": "AI", "value": "maybe"},
    )
    simulation = thrown(workload({"name": "app", "env": [default, other, override]}), action=set_flag("AI", env={}))

    assert env(simulation) == [default, other, {"name": "AI", "value": "false"}]
    assert simulation.status().phase == "Engaged"
    simulation.release().drive()
    assert env(simulation) == [default, other, override]


@pytest.mark.parametrize(("before", "after"), [([], None), ([{"name": "AI", "value": "true"}], "true")])
def test_variable_added_again_while_held_is_reapplied(before: list[Body], after: str | None) -> None:
    action = set_flag("AI", env={}, flagMustExist=False)
    simulation = ready(
        workload({"name": "app", "env": before}), actions=(action, {"scale": {"target": "web", "replicas": 0}})
    )
    simulation.throw().drive()
    held = {"name": "AI", "value": "false"}
    template = {"spec": {"containers": [{"name": "app", "env": [held, {"name": "AI", "value": "true"}]}]}}

    simulation.change(WEB, {"spec": {"template": template, "replicas": 1}}).after(seconds=5).drive()

    assert env(simulation)[-1] == held
    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 0
    assert simulation.status().phase == "Engaged"
    simulation.release().drive()
    assert [one["value"] for one in env(simulation) or []][-1:] == ([after] if after else [])
    assert condition(simulation.status(), "Restored")[0] == "True"


def test_variable_of_a_native_sidecar_is_set_and_restored() -> None:
    agent = {"name": "agent", "restartPolicy": "Always", "env": [{"name": "AI", "value": "true"}]}
    body = workload({"name": "app"})
    body["spec"]["template"]["spec"]["initContainers"] = [{"name": "migrate"}, agent]

    simulation = thrown(body, action=set_flag("AI", env={"container": "agent"}))

    live = simulation.live("Deployment", "web")["spec"]["template"]["spec"]["initContainers"]
    assert live == [{"name": "migrate"}, agent | {"env": [{"name": "AI", "value": "false"}]}]
    simulation.release().drive()
    live = simulation.live("Deployment", "web")["spec"]["template"]["spec"]
    assert live == {"containers": [{"name": "app"}], "initContainers": [{"name": "migrate"}, agent]}


@pytest.mark.parametrize(
    ("inits", "says"),
    [
        ([{"name": "agent", "restartPolicy": "Always"}], "has the containers app, agent (a sidecar); choose one"),
        ([{"name": "migrate"}], ""),
    ],
)
def test_native_sidecar_counts_as_container_when_none_is_named(inits: list[Body], says: str) -> None:
    body = workload({"name": "app"})
    body["spec"]["template"]["spec"]["initContainers"] = inits

    simulation = ready(body, actions=(set_flag("AI", env={}, flagMustExist=False),)).drive()

    assert says in condition(simulation.status(), "Ready")[2]
    assert condition(simulation.status(), "Ready")[0] == ("False" if says else "True")


def test_named_init_container_is_set() -> None:
    body = workload({"name": "app"})
    body["spec"]["template"]["spec"]["initContainers"] = [{"name": "migrate"}]

    thrown(body, action=set_flag("AI", env={"container": "migrate"}))
    text = refusal(ready(body, actions=(set_flag("AI", env={"container": "db"}),)).drive())[1]

    assert text == "Deployment/web has no container db; it has app, migrate"


def test_workload_without_pod_template_is_refused() -> None:
    assert refusal(ready(workload_body(3), actions=(set_flag("AI", env={}),)).drive()) == (
        "InvalidSpec",
        "Deployment/web has the containers none of its own; choose one with env.container",
    )


def test_rollout_progress_of_a_variable_is_reported() -> None:
    simulation = thrown(workload(), action=set_flag("AI", env={}, flagMustExist=False))

    simulation.change(WEB, {"status": {"replicas": 3, "updatedReplicas": 2}}).after(seconds=3).drive()

    record = simulation.status().record
    assert record is not None
    assert [one.progress for one in record.actions] == ["2 of 3 restarted"]


VOLUME = {"name": "v", "configMap": {"name": "flags"}}
PROJECTED = {"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}, {"configMap": {"name": "flags"}}]}}
MOUNT = {"name": "v", "mountPath": "/config"}
FROM = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "flags", "key": "ai"}}}


@pytest.mark.parametrize(
    ("pod", "way"),
    [
        (
            {"containers": [{"name": "app", "volumeMounts": [MOUNT | {"subPath": "ai"}]}], "volumes": [VOLUME]},
            "by subPath",
        ),
        (
            {
                "containers": [{"name": "app", "volumeMounts": [MOUNT | {"subPathExpr": "$(A)"}]}],
                "volumes": [PROJECTED],
            },
            "by subPath",
        ),
        (
            {"containers": [{"name": "app", "envFrom": [{"configMapRef": {"name": "flags"}}]}]},
            "as environment variables",
        ),
        (
            {
                "containers": [{"name": "app", "env": [FROM], "volumeMounts": [MOUNT | {"subPath": "ai"}]}],
                "volumes": [VOLUME],
            },
            "by subPath and as environment variables",
        ),
        (
            {
                "containers": [{"name": "app"}],
                "initContainers": [{"name": "copy", "volumeMounts": [MOUNT]}],
                "volumes": [VOLUME],
            },
            "by an init container",
        ),
    ],
)
def test_idle_switch_reports_pods_that_need_a_restart_for_the_flag(pod: Body, way: str) -> None:
    body = workload_body(3, template={"spec": pod})

    simulation = ready(config_map(ai="true"), body, actions=(set_flag(),)).drive()

    text = (
        f"pods of Deployment/web read ConfigMap/flags {way} and see the change only after a restart; set restart: true"
    )
    assert condition(simulation.status(), "Ready")[:2] == ("True", "Ready")
    assert condition(simulation.status(), "Ready")[2].startswith(text)
    assert simulation.snapshot(thorough=False).switch.status == simulation.status()
    assert simulation.next_step() is None
    simulation.throw().drive()
    assert remarks(simulation) == ["RestartNeeded"]
    assert condition(simulation.status(), "Ready")[2] == ""


@pytest.mark.parametrize(
    "pod",
    [
        {"containers": [{"name": "app", "volumeMounts": [MOUNT]}], "volumes": [VOLUME]},
        {"containers": [{"name": "app", "volumeMounts": [MOUNT | {"subPath": "x"}]}], "volumes": [{"name": "v"}]},
        {"containers": [{"name": "app"}]},
        {
            "containers": [{"name": "app"}],
            "initContainers": [{"name": "agent", "restartPolicy": "Always", "volumeMounts": [MOUNT]}],
            "volumes": [VOLUME],
        },
    ],
)
def test_config_map_volume_without_subpath_reports_no_restart(pod: Body) -> None:
    simulation = ready(config_map(ai="true"), workload_body(3, template={"spec": pod}), actions=(set_flag(),)).drive()

    assert condition(simulation.status(), "Ready") == ("True", "Ready", "")


def test_throw_reads_no_workload_for_a_remark() -> None:
    pod = {"containers": [{"name": "app", "envFrom": [{"configMapRef": {"name": "flags"}}]}]}
    body = workload_body(3, template={"spec": pod})
    simulation = ready(config_map(ai="true"), actions=(set_flag(),))
    simulation.with_object(body)
    simulation.drive()
    simulation.store.put_target(observed_from(simulation.objects[WEB]))

    simulation.throw().drive()

    assert remarks(simulation) == []
    assert data(simulation) == {"ai": "false"}


def test_restart_follows_the_flag_at_throw_and_release() -> None:
    simulation = thrown(config_map(ai="true"), workload(), action=set_flag(restart=True))
    record = simulation.status().record
    assert record is not None
    assert annotations(simulation) == {"team": "shop", RESTARTED_FOR: record.engagement_id}
    assert written(simulation) == ["data.ai", f"spec.template.metadata.annotations[{RESTARTED_FOR}]"]
    simulation.steps.clear()

    simulation.release().drive()

    assert written(simulation) == ["data.ai", f"spec.template.metadata.annotations[{RESTARTED_FOR}]"]
    assert (data(simulation), annotations(simulation)) == ({"ai": "true"}, {"team": "shop"})


@pytest.mark.parametrize("crash", range(1, 7))
def test_crash_between_flag_and_restart_completes_both(crash: int) -> None:
    simulation = ready(config_map(ai="true"), workload(), actions=(set_flag(restart=True),)).drive()

    simulation.throw().drive(at_most=crash).restart().drive()
    assert (data(simulation)["ai"], RESTARTED_FOR in annotations(simulation)) == ("false", True)

    simulation.release().drive(at_most=crash).restart().drive()
    assert (data(simulation)["ai"], RESTARTED_FOR in annotations(simulation)) == ("true", False)


@dataclass
class NoConfigMaps(Simulation):
    """Refuses writes to ConfigMaps while `closed`."""

    closed: bool = False

    def _act(self, entry: str, step: WriteTarget) -> None:
        self.error = errors.ForbiddenError("no") if self.closed and step.effect.ref.kind == "ConfigMap" else None
        super()._act(entry, step)


def test_pods_are_restarted_only_after_the_flag_is_set_despite_continue_on_failure() -> None:
    simulation = NoConfigMaps(closed=True)
    declare(simulation, config_map(ai="true"), workload(), actions=(set_flag(restart=True),), continueOnFailure=True)

    simulation.throw().drive()
    assert annotations(simulation) == {"team": "shop"}
    assert simulation.status().phase == "Stalled"

    simulation.closed = False
    simulation.after(minutes=5).drive()
    assert data(simulation) == {"ai": "false"}
    assert RESTARTED_FOR in annotations(simulation)


def test_pods_are_restarted_after_release_only_once_the_flag_is_restored() -> None:
    simulation = NoConfigMaps()
    declare(simulation, config_map(ai="true"), workload(), actions=(set_flag(restart=True),)).throw().drive()

    simulation.closed = True
    simulation.release().drive()
    assert RESTARTED_FOR in annotations(simulation)
    assert simulation.status().phase == "Stalled"

    simulation.closed = False
    simulation.after(minutes=5).drive()
    assert (data(simulation), annotations(simulation)) == ({"ai": "true"}, {"team": "shop"})


def test_edit_that_drops_the_flag_restores_it_before_the_restart() -> None:
    simulation = NoConfigMaps()
    spec: Body = {"actions": (set_flag(restart=True), set_flag("color", "gray")), "reapplyOnChange": True}
    declare(simulation, config_map(ai="true", color="red"), workload(), **spec).throw().drive()
    simulation.steps.clear()

    declare(simulation, **spec | {"actions": (set_flag("color", "gray"),)}).drive()

    assert written(simulation) == ["data.ai", f"spec.template.metadata.annotations[{RESTARTED_FOR}]"]
    assert data(simulation) == {"ai": "true", "color": "gray"}


def test_restart_by_a_person_while_held_is_kept() -> None:
    simulation = thrown(config_map(ai="true"), workload(), action=set_flag(restart=True))
    patch = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-24T04:00:00Z"}}}
    simulation.steps.clear()

    simulation.change(WEB, {"spec": {"template": patch}}).drive()

    assert written(simulation) == []


def test_rollout_is_restarted_at_the_throw_and_left_at_the_release() -> None:
    ref = Ref("argoproj.io/v1alpha1", "Rollout", NAMESPACE, "web")
    simulation = Simulation().with_object(config_map(ai="true")).with_object(workload_body(3, ref=ref))
    named = {"apiVersion": ref.api_version, "kind": ref.kind, "name": ref.name}
    target = {"name": "web", "workload": named, "flags": {"configMap": "flags"}}
    simulation.with_runbook(targets=[target], killSwitches=[kill_switch("stop", set_flag(restart=True))])

    simulation.throw().drive().after(seconds=3).drive()

    assert simulation.live("Rollout", "web")["spec"]["restartAt"] == "2026-11-24T03:00:01Z"
    assert remarks(simulation) == ["RestartByHand"]
    record = simulation.status().record
    assert record is not None
    assert [one.progress for one in record.actions] == ["", "restarting"]
    simulation.release().drive()
    assert data(simulation) == {"ai": "true"}


def test_paused_deployment_with_restart_is_refused() -> None:
    simulation = ready(config_map(ai="true"), workload(paused=True), actions=(set_flag(restart=True),)).drive()

    assert refusal(simulation)[0] == "Paused"


def test_env_with_restart_is_refused() -> None:
    with pytest.raises(ValidationError, match="out anyway"):
        SetFlagSpec.model_validate(set_flag(restart=True, env={})["setFlag"])


def test_long_flag_value_is_cut_in_the_description() -> None:
    said = SetFlag.describe(SetFlagSpec(target="web", flag="ai", value="x" * 99))

    assert (said[:26], len(said), said[-1]) == ("set flag ai of web to xxxx", 60, "…")
