"""Pod templates by what they are."""

from runbook_operator.core.pod_templates import Mark, digest, references, revisions
from tests.revisions import DS, STS, UID, kept, template


def test_fields_added_by_controllers_and_restarts_do_not_change_the_digest() -> None:
    plain = template("1")
    added = template("1")
    added["metadata"] = {
        "creationTimestamp": None,
        "labels": {"app": "web", "pod-template-hash": "x", "controller-revision-hash": "y"},
        "annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-24T03:00:00Z"},
    }

    assert digest(added) == digest(plain)
    assert digest(template("2")) != digest(plain)


def test_revisions_of_a_workload_are_newest_first_and_only_its_own() -> None:
    other = kept("x", 9)
    other["metadata"]["ownerReferences"] = [{"uid": "other"}]
    unnumbered = kept("z", 0)
    unnumbered["metadata"]["annotations"] = {}

    found = revisions(
        UID, [kept("a", 1), other, kept("b", 3, 2), unnumbered, {**kept("c", 2), "metadata": {"name": "c"}}]
    )

    assert [(one.number, sorted(one.before), one.template) for one in found] == [
        (3, [2], template("b")),
        (1, [], template("a")),
        (0, [], template("z")),
    ]


def test_revision_value_identifies_it_by_digest_and_number() -> None:
    (revision,) = revisions(UID, [kept("a", 3, 1, 2)])

    assert revision.value == {
        "digest": digest(template("a")),
        "revision": 3,
        "keeper": revision.keeper,
        "before": [1, 2],
    }
    assert Mark(2).means(revision)
    assert not Mark(4).means(revision)
    assert Mark(3).was_left(revision.value)
    assert Mark(1).was_left(revision.value)
    assert not Mark(4).was_left(revision.value)


def test_controller_revision_is_identified_by_name_or_template() -> None:
    for ref in (STS, DS):
        (revision,) = revisions(UID, [kept("a", 3, ref=ref)])

        assert Mark(1, revision.keeper).means(revision)
        assert Mark(1, revision.digest).means(revision)
        assert not Mark(1, "other").means(revision)
        assert Mark(3, revision.keeper).was_left(revision.value)
        assert not Mark(4, revision.keeper).was_left(revision.value)


def test_template_without_references_has_none() -> None:
    assert references({}) == ()
    assert references(template("1", volumes=[{"name": "a", "emptyDir": {}}])) == ()
