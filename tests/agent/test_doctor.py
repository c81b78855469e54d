"""What `doctor` says: every source with its state, every zone with why it counts or not."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from fakes import FakeSource, RaplTree
from wattgram.readings import Component, State
from wattgram_agent import doctor
from wattgram_agent.config import AgentConfig, PathSettings, SourceSettings
from wattgram_agent.roster import Roster, build_roster, find_sources
from wattgram_agent.source import HostPaths, Point, Scope, Source, SourceUnavailableError, Zone
from wattgram_agent.sources import discoverers
from wattgram_agent.whereabouts import Said, in_words

LONG = "sudo " + " ".join(f"--option-{n}" for n in range(40))


def missing(paths: HostPaths) -> Source:
    raise SourceUnavailableError(State.PERMISSION_DENIED, "readable by root only", LONG)


@pytest.fixture
def roster() -> Roster:
    zones = [
        Zone(
            point=Point("rapl", "package", "0"),
            scope=Scope.CPU,
            component=Component.CPU,
            location="/sys/x",
        ),
        Zone(
            point=Point("rapl", "core", "0"), component=Component.CPU, refusal="inside the package"
        ),
    ]
    return build_roster(
        {"rapl": lambda paths: FakeSource("rapl", zones, list), "nvml": missing}, HostPaths()
    )


def test_a_diagnosis_is_an_object_of_this_shape(roster: Roster) -> None:
    """Others read it: a name is only added, never taken away or changed."""
    diagnosis = doctor.diagnose(roster)

    assert json.loads(json.dumps(diagnosis)) == diagnosis == {
        "grid_zone": "",
        "grid_zone_problem": "",
        "sources": [
            {"name": "rapl", "state": "active", "reason": "", "fix": ""},
            {
                "name": "nvml",
                "state": "permission_denied",
                "reason": "readable by root only",
                "fix": LONG,
            },
        ],
        "zones": [
            {
                "source": "rapl",
                "domain": "package",
                "instance": "0",
                "kind": "energy_microjoules",
                "quality": "measured",
                "counted": True,
                "why": "overlaps no other counted zone",
                "location": "/sys/x",
            },
            {
                "source": "rapl",
                "domain": "core",
                "instance": "0",
                "kind": "energy_microjoules",
                "quality": "measured",
                "counted": False,
                "why": "inside the package",
                "location": "",
            },
        ],
    }  # fmt: skip


def test_a_person_sees_every_state_and_every_verdict(roster: Roster) -> None:
    lines = [
        " ".join(line.split()) for line in doctor.as_text(doctor.diagnose(roster)).splitlines()
    ]

    assert lines[:5] == [
        "This host's energy is rapl package 0.",
        "",
        "SOURCE STATE WHY",
        "rapl active",
        "nvml permission_denied readable by root only",
    ]
    assert "rapl package 0 yes overlaps no other counted zone (/sys/x)" in lines
    assert "rapl core 0 no inside the package" in lines


def test_a_person_is_told_in_which_grid_the_host_is(
    roster: Roster, capsys: pytest.CaptureFixture[str]
) -> None:
    where = Said("DE", problem="it is empty")
    words = in_words(where, Path("/run/zone"))
    doctor.print_diagnosis(roster, where, words, as_json=False)
    assert capsys.readouterr().out.splitlines()[1] == words
    doctor.print_diagnosis(roster, where, words, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["grid_zone"], said["grid_zone_problem"]) == ("DE", "it is empty")


def test_a_fix_can_be_copied_whole(roster: Roster) -> None:
    """It is one line, however long."""
    text = doctor.as_text(doctor.diagnose(roster))

    assert f"\nnvml: {LONG}\n" in text
    assert max(len(line) for line in text.splitlines() if LONG not in line) <= 96


def test_a_host_on_which_there_is_nothing_is_told_so() -> None:
    empty = build_roster({"nvml": missing}, HostPaths())

    assert "Nothing on this host can be measured" in doctor.as_text(doctor.diagnose(empty))


@pytest.mark.parametrize("as_json", [True, False])
def test_a_diagnosis_is_printed(
    roster: Roster, capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    doctor.print_diagnosis(roster, as_json=as_json)
    printed = capsys.readouterr().out

    diagnosis = doctor.diagnose(roster)
    assert (json.loads(printed) if as_json else printed) == (
        diagnosis if as_json else doctor.as_text(diagnosis) + "\n"
    )


def test_a_captured_machine_is_diagnosed_source_by_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", "/proc", raising=False)
    tree = RaplTree(tmp_path)
    tree.vendor("AuthenticAMD")
    for die in (0, 1):
        tree.add(f"intel-rapl:{die}", f"package-0-die-{die}")
    config = AgentConfig(
        path=PathSettings(sysfs=tree.sysfs, procfs=tree.procfs),
        sources=SourceSettings(disabled=("nvml",)),
    )
    found = find_sources(config)()
    found.close()
    diagnosis = doctor.diagnose(found)

    assert [source["name"] for source in diagnosis["sources"]] == list(discoverers(AgentConfig()))
    assert [zone["why"] for zone in diagnosis["zones"]] == [
        "overlaps no other counted zone",
        "every die shows the socket's register, as 0-die-0",
    ]
