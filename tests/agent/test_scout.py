"""A search that hangs hides no other source, and is not begun again until it ends."""

from __future__ import annotations

import threading

from fakes import FakeSource
from wattgram.readings import State
from wattgram_agent.roster import build_roster
from wattgram_agent.scout import Scout
from wattgram_agent.source import HostPaths, Point, Source, SourceUnavailableError, Zone

PATHS = HostPaths()
SOURCE = FakeSource("rapl", [Zone(point=Point("rapl", "core", "0"), refusal="inside")], list)


def missing(_: HostPaths) -> Source:
    raise SourceUnavailableError(State.ABSENT, "no such thing", "buy one")


def broken(_: HostPaths) -> Source:
    raise ZeroDivisionError("of course")


def answered(scout: Scout, name: str) -> None:
    """Wait until the search that hung has ended."""
    scout._hanging[name]._thread.join(10)


def state(found: Source | SourceUnavailableError) -> tuple[State, str]:
    assert isinstance(found, SourceUnavailableError)
    return found.state, found.reason


def test_each_source_is_found_or_says_why_not() -> None:
    found = Scout({"a": lambda _: SOURCE, "b": missing, "c": broken}, PATHS).look()

    assert list(found) == ["a", "b", "c"]
    assert found["a"] is SOURCE
    assert state(found["b"]) == (State.ABSENT, "no such thing")
    assert state(found["c"]) == (State.ERROR, "not foreseen: ZeroDivisionError('of course')")


def test_a_search_that_hangs_is_an_error_of_its_source_until_it_ends() -> None:
    go, began, ended = threading.Event(), threading.Semaphore(0), threading.Event()

    def slow(_: HostPaths) -> Source:
        began.release()
        assert go.wait(10)
        ended.set()
        return SOURCE

    scout = Scout({"slow": slow, "rapl": lambda _: SOURCE}, PATHS, answer_seconds=0.01)
    found = scout.look()
    assert state(found["slow"]) == (State.ERROR, "has not answered within 0.01 s")
    assert found["rapl"] is SOURCE
    assert state(scout.look()["slow"])[0] is State.ERROR
    assert began.acquire(timeout=10)
    assert not began.acquire(blocking=False)

    go.set()
    assert ended.wait(10)
    answered(scout, "slow")
    assert scout.look()["slow"] is SOURCE
    assert not began.acquire(blocking=False)
    scout.look()
    assert began.acquire(timeout=10)


def test_what_hung_is_in_the_roster_of_the_next_look() -> None:
    go = threading.Event()

    def slow(_: HostPaths) -> Source:
        assert go.wait(10)
        return SOURCE

    scout = Scout({"rapl": slow}, PATHS, answer_seconds=0.01)
    table = {"rapl": slow}
    assert build_roster(table, PATHS, scout=scout).findings[0].state is State.ERROR
    go.set()
    answered(scout, "rapl")

    assert build_roster(table, PATHS, scout=scout).findings[0].state is State.AVAILABLE
