"""What Prometheus reads: both formats, to the last byte, and by the client library's parsers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text

from builders import NOW, small_fleet
from wattgram.readings import State
from wattgram_collector.exposition.families import Family, Type
from wattgram_collector.exposition.metrics import collect
from wattgram_collector.exposition.text import Samples, Value, number, render
from wattgram_collector.exposition.web import END

GOLDEN = Path(__file__).parent / "golden"
COUNTER = Family("a_bytes", Type.COUNTER, ("host", "device"), "Counts.")
GAUGE = Family("b_watts", Type.GAUGE, ("host",), 'A \\ and a " and\na line.')
INFO = Family("c", Type.INFO, ("host", "os"), "Says what it is.")
STATES = Family("d_state", Type.STATESET, ("host", "source"), "One of several.")

Sample = tuple[str, frozenset[tuple[str, str]]]


def page(families: Iterable[tuple[Family, Samples]], *, openmetrics: bool) -> str:
    return render(families, openmetrics=openmetrics) + (END if openmetrics else "")


def read(text: str, *, openmetrics: bool) -> dict[Sample, float]:
    """Return every sample, and fail where one is there twice."""
    families = list((read_openmetrics if openmetrics else read_text)(text))
    samples = [sample for family in families for sample in family.samples]
    found = {(one.name, frozenset(one.labels.items())): one.value for one in samples}
    assert len(found) == len(samples)
    return found


def sample(name: str, value: Value, **labels: str) -> tuple[Sample, float]:
    return (name, frozenset(labels.items())), float(value)


# ── the whole page ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "openmetrics"), [("fleet.prom", False), ("fleet.om", True)])
def test_a_small_fleet_reads_as_it_did(
    golden: Callable[[Path, str], None], name: str, *, openmetrics: bool
) -> None:
    golden(GOLDEN / name, page(collect(small_fleet(), NOW, sensors=True), openmetrics=openmetrics))


def test_both_formats_say_the_same() -> None:
    families = collect(small_fleet(), NOW, sensors=True)
    text, openmetrics = (
        read(page(families, openmetrics=form), openmetrics=form) for form in (False, True)
    )
    assert text == openmetrics
    assert all(samples for _, samples in families)  # so the checks here see every family


def test_promtool_has_nothing_to_object_to() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool (apt-get install prometheus)")
    checked = subprocess.run(
        (promtool, "check", "metrics"),
        input=page(collect(small_fleet(), NOW, sensors=True), openmetrics=False),
        text=True,
        capture_output=True,
        check=False,
    )
    assert (checked.stdout, checked.stderr, checked.returncode) == ("", "", 0)


def test_no_sample_has_a_timestamp() -> None:
    """Prometheus would show the last value of a host that is gone for five minutes more."""
    for line in page(collect(small_fleet(), NOW, sensors=True), openmetrics=False).splitlines():
        assert line.startswith("#") or len(line.rpartition("}")[2].split()) == 1


def test_a_page_of_nothing_is_only_its_end() -> None:
    assert page([(COUNTER, {}), (INFO, {})], openmetrics=False) == ""
    assert page([(COUNTER, {})], openmetrics=True) == "# EOF\n"


def test_openmetrics_ends_once() -> None:
    text = page(collect(small_fleet(), NOW, sensors=True), openmetrics=True)
    assert text.count("# EOF") == 1
    assert text.endswith("\n# EOF\n")


# ── names, values, escapes ───────────────────────────────────────────────────────────────


def test_a_state_set_shows_every_state_and_one_of_them_is_on() -> None:
    (family,) = read_openmetrics(page([(STATES, {("a", "rapl", "absent"): 1})], openmetrics=True))
    assert family.type == "stateset"
    assert {one.labels["d_state"]: one.value for one in family.samples} == {
        state.value: float(state is State.ABSENT) for state in State
    }


@pytest.mark.parametrize(
    ("openmetrics", "types"),
    [
        (False, {"a_bytes": "counter", "b_watts": "gauge", "c_info": "gauge", "d_state": "gauge"}),
        (True, {"a_bytes": "counter", "b_watts": "gauge", "c": "info", "d_state": "stateset"}),
    ],
)
def test_types_are_those_that_the_format_has(types: dict[str, str], *, openmetrics: bool) -> None:
    values: Mapping[Family, Samples] = {
        COUNTER: {("a", "b"): 1},
        GAUGE: {("a",): 1},
        INFO: {("a", "b"): 1},
        STATES: {("a", "b", "active"): 1},
    }
    text = page(values.items(), openmetrics=openmetrics)
    families = list((read_openmetrics if openmetrics else read_text)(text))
    assert {family.name: family.type for family in families} == types
    assert families[1].documentation == GAUGE.help


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (1 << 64, "18446744073709551616"),
        (Fraction(6, 2), "3"),
        (Fraction(1, 4), "0.25"),
        (Fraction(-1, 3), "-0.3333333333333333"),
        (Fraction(1, 10**7), "1e-07"),
        (0.1, "0.1"),
    ],
)
def test_a_value_is_written_to_its_last_digit(value: Value, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize("openmetrics", [False, True])
@pytest.mark.parametrize(
    "host",
    ['"} 5\nup 1', "a\nwattgram_host_power_watts 9", 'x"', "x\\", 'x\\"', "\\n", "# EOF\n", "{}"],
)
def test_no_label_breaks_out_of_its_quotes(host: str, *, openmetrics: bool) -> None:
    text = page([(GAUGE, {(host,): 5}), (COUNTER, {(host, "d"): 6})], openmetrics=openmetrics)
    assert read(text, openmetrics=openmetrics) == dict(
        (sample("b_watts", 5, host=host), sample("a_bytes_total", 6, host=host, device="d"))
    )
    assert len(text.splitlines()) == 6 + openmetrics


texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.text('"\\\n,{}= #', max_size=6)
values = st.integers(0, 1 << 53) | st.fractions(0, 1 << 40)


@given(
    st.dictionaries(st.tuples(texts, texts), values, max_size=3),
    st.dictionaries(st.tuples(texts), values | st.floats(allow_nan=False), max_size=3),
    st.dictionaries(st.tuples(texts, texts), st.just(1), max_size=3),
    st.dictionaries(st.tuples(texts, texts), st.sampled_from(State), max_size=3),
    st.booleans(),
)
def test_what_is_put_in_is_read_back(
    counters: Samples,
    gauges: Samples,
    infos: Samples,
    states: Mapping[tuple[str, str], State],
    openmetrics: bool,  # noqa: FBT001 -- hypothesis gives it
) -> None:
    put = dict(
        [sample("a_bytes_total", v, host=a, device=b) for (a, b), v in counters.items()]
        + [sample("b_watts", v, host=a) for (a,), v in gauges.items()]
        + [sample("c_info", 1, host=a, os=b) for a, b in infos]
        + [
            sample("d_state", state is one, host=a, source=b, d_state=one.value)
            for (a, b), state in states.items()
            for one in State
        ]
    )
    on = {(a, b, state.value): 1 for (a, b), state in states.items()}
    families = [(COUNTER, counters), (GAUGE, gauges), (INFO, infos), (STATES, on)]
    assert read(page(families, openmetrics=openmetrics), openmetrics=openmetrics) == put
