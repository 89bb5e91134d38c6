"""What a Switch says of the Runbook that declares it, for readers who see the Switch only."""

from tests.builders import Simulation, kill_switch

SPEC = {
    "title": "Web shop",
    "contacts": [{"name": "primary", "role": "Primary on call"}, {"name": "second", "role": "Second"}],
    "killSwitches": [kill_switch("stop", description="Stops taking orders.")],
}


def shown(simulation: Simulation) -> tuple[str, str, list[str]]:
    status = simulation.status()
    return status.title, status.description, status.contacts


def test_switch_shows_title_description_and_contacts_of_its_runbook() -> None:
    simulation = Simulation().with_target(3).with_runbook(**SPEC).drive()

    assert shown(simulation) == ("Web shop", "Stops taking orders.", ["primary", "second"])
    assert shown(simulation.throw().drive()) == ("Web shop", "Stops taking orders.", ["primary", "second"])


def test_edited_description_is_shown() -> None:
    simulation = Simulation().with_target(3).with_runbook(**SPEC).drive()

    edited = [kill_switch("stop", description="Stops it all.")]
    simulation.with_runbook(**(SPEC | {"killSwitches": edited})).drive()

    assert shown(simulation)[1] == "Stops it all."


def test_engaged_switch_without_runbook_keeps_its_description() -> None:
    simulation = Simulation().with_target(3).with_runbook(**SPEC).drive().throw().drive()

    simulation.without_runbook().drive()

    assert shown(simulation) == ("Web shop", "Stops taking orders.", ["primary", "second"])
