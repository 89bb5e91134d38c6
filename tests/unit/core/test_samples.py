"""What a Prometheus API's answers mean, and what is made of the numbers."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.core import samples
from runbook_operator.core.samples import Matrix, QueryError, Sample, Vector

AT = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
STAMP = AT.timestamp()


def body(kind: str, result: Any, **rest: Any) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}} | rest).encode()


def failure(error_type: Any, error: Any) -> bytes:
    return json.dumps({"status": "error", "errorType": error_type, "error": error}).encode()


def sample(value: float, at: datetime = AT, **labels: str) -> Sample:
    return Sample(labels, value, at)


def matrix(*values: float, points: int, pod: str = "a", begin: int = 0) -> Matrix:
    times = (AT + timedelta(minutes=begin + number) for number in range(len(values)))
    return Matrix(tuple(sample(value, at, pod=pod) for value, at in zip(values, times, strict=True)), points)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.5", 0.5), ("1e3", 1000.0), ("+Inf", math.inf), ("-Inf", -math.inf), ("-0", 0.0)],
)
def test_vector_has_a_sample_for_each_series(text: str, value: float) -> None:
    found = samples.vector(body("vector", [{"metric": {"pod": "a"}, "value": [STAMP, text]}], warnings=["w"]))

    assert found == Vector((sample(value, pod="a"),))


def test_scalar_is_one_sample_and_marked_as_scalar() -> None:
    assert samples.vector(body("scalar", [STAMP, "2"])) == Vector((sample(2.0),), scalar=True)


def test_nan_stays_nan_and_empty_vector_has_no_samples() -> None:
    found = samples.vector(body("vector", [{"metric": {}, "value": [STAMP, "NaN"]}]))

    assert isinstance(found, Vector)
    assert math.isnan(found.samples[0].value)
    assert samples.vector(body("vector", [])) == Vector(())


def test_matrix_has_the_samples_of_all_series() -> None:
    found = samples.matrix(
        body(
            "matrix",
            [
                {"metric": {"pod": "a"}, "values": [[STAMP, "1"], [STAMP + 60, "2"]]},
                {"metric": {"pod": "b"}, "values": [[STAMP, "3"]]},
            ],
        ),
        points=2,
    )

    later = AT + timedelta(minutes=1)
    assert found == Matrix((sample(1, pod="a"), sample(2, later, pod="a"), sample(3, pod="b")), 2)


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"<html>Sign in</html>",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"status": "success"}',
        b'{"status": "success", "data": null}',
        failure("bad_data", "x"),
        body("vector", None),
        body("vector", [{"metric": {}}]),
        body("vector", [{"metric": {"a": 1}, "value": [1, "2"]}]),
        body("vector", [{"metric": {}, "value": [1, "many"]}]),
        body("vector", [{"metric": {}, "value": [1]}]),
        body("vector", [{"metric": {}, "value": [-1, "2"]}]),
        body("vector", [{"metric": {}, "value": [1e300, "2"]}]),
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[NaN,"2"]}]}}',
        body("vector", [STAMP, "2"]),
        body("scalar", []),
        body("string", [STAMP, "word"]),
        body("string", [STAMP, "5"]),
        body("matrix", [{"metric": {}, "values": [[1, "2"]]}]),
        body("unheard of", []),
    ],
)
def test_malformed_answer_is_reported_without_its_text(odd: bytes) -> None:
    found = samples.vector(odd)

    assert isinstance(found, QueryError)
    assert found.kind == "Malformed"
    assert not any(word in found.message for word in ("Sign in", "many", "word", "unheard"))


@pytest.mark.parametrize("odd", [b"", body("vector", []), body("matrix", [STAMP, "2"]), body("scalar", [STAMP, "2"])])
def test_range_answer_that_is_no_matrix_is_malformed(odd: bytes) -> None:
    found = samples.matrix(odd, 1)

    assert isinstance(found, QueryError)
    assert found.kind == "Malformed"


def test_histogram_answer_is_malformed_with_advice() -> None:
    series = {"metric": {}, "histogram": [STAMP, {"count": "1"}], "histograms": [[STAMP, {"count": "1"}]]}

    for found in (samples.vector(body("vector", [series])), samples.matrix(body("matrix", [series]), 1)):
        assert isinstance(found, QueryError)
        assert found.kind == "Malformed"
        assert "histogram_quantile" in found.message


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (400, failure("bad_data", "1:3: parse error"), "Refused"),
        (422, failure("execution", "many-to-many matching"), "Refused"),
        (422, failure("422", "VictoriaMetrics says its status"), "Refused"),
        (400, b"nginx says so", "Refused"),
        (413, b"nginx says so", "Refused"),
        (401, failure("bad_data", "x"), "Unauthorized"),
        (403, b"", "Unauthorized"),
        (503, failure("timeout", "query timed out"), "Timeout"),
        (503, failure("canceled", "x"), "Timeout"),
        (500, failure("internal", "x"), "Unreachable"),
        (422, failure("unavailable", "x"), "Unreachable"),
        (503, failure("503", "x"), "Unreachable"),
        (429, failure("too_many_requests", "x"), "Unreachable"),
        (502, b"<html>", "Unreachable"),
        (404, b"404 page not found", "Unreachable"),
        (302, b"", "Unreachable"),
        (204, b"", "Unreachable"),
        (400, failure(["odd"], {"odd": 1}), "Refused"),
    ],
)
def test_source_refusal_is_classified_by_status_and_type(status: int, text: bytes, kind: str) -> None:
    found = samples.refusal(status, text)

    assert found.kind == kind
    assert str(status) in found.message
    assert "nginx" not in found.message


def test_source_error_message_is_passed_on_with_its_type() -> None:
    found = samples.refusal(400, failure("bad_data", 'invalid parameter "query": 1:3: parse error\nmore\nand more'))

    assert found.message == 'the source answers 400: bad_data: invalid parameter "query": 1:3: parse error'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n \n  the second\nthe third", "the second"),
        ("a\tb\x1b[31mc\u202ed\x00", "a b [31mc d"),
        ("Get http://admin:hunter2@db.shop/x: refused", "Get http://***@db.shop/x: refused"),
        ('Get "https://admin:hun/ter@2@db/x"', 'Get "https://***@db/x"'),
        ("the header was Bearer t0ken, in base64 dDBrZW4=", "the header was Bearer ***, in base64 ***"),
        ("", ""),
        ("\n\n", ""),
        ("x" * 300, "x" * 199 + "…"),
        ("x" * 200, "x" * 200),
    ],
)
def test_foreign_text_is_cut_to_a_short_harmless_line(text: str, line: str) -> None:
    assert samples.first_line(text, ("t0ken", "dDBrZW4=")) == line


@given(st.text())
def test_any_text_becomes_one_short_printable_line(text: str) -> None:
    line = samples.first_line(text)

    assert len(line) <= 200
    assert line.isprintable()
    assert line.strip() == line


def test_hostile_line_is_cut_in_linear_time() -> None:
    assert len(samples.first_line("//" * 1_000_000)) == 200


def test_credential_stays_hidden_after_other_replacements() -> None:
    text = f"//{'u' * 1985}@h hunter2 is the password"

    assert "hunter" not in samples.first_line(text, ("hunter2",))


def test_worst_series_is_named_and_nan_is_ignored() -> None:
    series = [sample(0.2, pod="a"), sample(math.nan, pod="n"), sample(0.9, pod="b"), sample(0.1, pod="c")]

    assert samples.worst(series, "high") == sample(0.9, pod="b")
    assert samples.worst(series, "low") == sample(0.1, pod="c")
    assert samples.worst([sample(math.nan)], "high") is None
    assert samples.worst([], "low") is None


def test_infinite_value_is_the_worst() -> None:
    assert samples.worst([sample(1), sample(math.inf, pod="b")], "high") == sample(math.inf, pod="b")
    assert samples.worst([sample(1), sample(-math.inf, pod="b")], "low") == sample(-math.inf, pod="b")


def test_equally_bad_series_are_chosen_by_labels() -> None:
    series = [sample(1, pod="b"), sample(1, pod="a"), sample(1, pod="c")]

    assert samples.worst(series, "high") == samples.worst(series[::-1], "high") == sample(1, pod="a")
    assert samples.worst(series, "low") == sample(1, pod="a")


@pytest.mark.parametrize(("seconds", "stale"), [(0, False), (30, False), (31, True), (-30, False), (-31, True)])
def test_old_or_future_sample_is_stale(seconds: int, *, stale: bool) -> None:
    now = AT + timedelta(seconds=seconds)

    assert samples.is_stale(sample(1), now, timedelta(seconds=30)) is stale


def test_median_of_a_range_ignores_a_spike() -> None:
    assert samples.median_of_range(matrix(1, 2, 1000, points=3)) == 2
    assert samples.median_of_range(matrix(1, 2, points=2)) == 1.5


@pytest.mark.parametrize(
    ("values", "points", "median"),
    [
        ((1, 2, 3), 6, 2),
        ((1, 2, 3), 7, None),
        ((1, math.nan, 3), 4, 2),
        ((1, math.nan, math.nan), 3, None),
        ((1, math.inf, -math.inf, 3), 4, 2),
        ((math.nan,), 1, None),
        ((math.inf,), 1, None),
        ((), 1, None),
        ((), 0, None),
    ],
)
def test_median_needs_half_of_the_points_without_gaps_and_nan(
    values: tuple[float, ...], points: int, median: float | None
) -> None:
    assert samples.median_of_range(matrix(*values, points=points)) == median


def test_alternating_series_fill_each_others_gaps() -> None:
    first, second = matrix(1, 2, points=6, pod="a"), matrix(3, points=6, pod="b", begin=2)

    assert samples.median_of_range(first) is None
    assert samples.median_of_range(Matrix(first.samples + second.samples, 6)) == 2


def test_several_series_at_one_time_count_as_one_point() -> None:
    found = [one for pod in "abcd" for one in matrix(5, points=4, pod=pod).samples]

    assert samples.median_of_range(Matrix(tuple(found), 4)) is None
