"""What is made for one engagement: once, and gone from memory with it."""

from tests.builders import WEB, Body, kill_switch
from tests.fakes.rig import Rig

JOB: Body = {"template": {"spec": {"containers": [{"name": "job"}]}}}


def rig() -> Rig:
    return Rig(killSwitches=[kill_switch("stop", {"runJob": {"job": JOB, "wait": False}})])


def jobs(made: Rig) -> list[str]:
    return [path for path in made.kube.objects if "/jobs/" in path]


async def test_record_of_a_throw_is_written_without_reading_the_object_to_create() -> None:
    making = rig()

    status = await making.visit()

    assert status.phase == "Engaged"
    (path,) = jobs(making)
    assert making.kube.asked.count(path) == 1


async def test_object_created_for_an_ended_engagement_is_forgotten() -> None:
    making = rig()
    await making.visit()
    assert [ref.kind for ref in making.store.targets if ref != WEB] == ["Job"]

    making.release()
    status = await making.visit()

    assert status.phase == "Released"
    assert list(making.store.targets) == [WEB]
    assert [ref.kind for ref in making.reconciler.executor.reader.read_versions._of if ref.kind == "Job"] == []
    assert len(jobs(making)) == 1
