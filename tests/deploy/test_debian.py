"""What goes into the packages, and what does not."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

import build_times
import conffiles
import deb
import licences
import pytest
import vendoring

from wattgram_agent.config import AgentConfig
from wattgram_agent.config import load_config as load_agent
from wattgram_collector.config import CollectorConfig
from wattgram_collector.config import load_config as load_collector

LOADED = {
    "agent": lambda path: (load_agent(path, {}), AgentConfig()),
    "collector": lambda path: (load_collector(path, {}), CollectorConfig()),
}


@pytest.mark.parametrize("part", vendoring.PARTS)
def test_the_conffile_says_everything_and_sets_nothing(part: str, tmp_path: Path) -> None:
    text = conffiles.conffile(part)
    path = tmp_path / "as-shipped.toml"
    path.write_text(text)
    loaded, defaults = LOADED[part](path)

    assert loaded == defaults
    assert not [key for key, value in tomllib.loads(text).items() if not isinstance(value, dict)]
    path.write_text("\n".join(line.removeprefix("#") if line[1:2] != " " else line
                              for line in text.splitlines()))  # fmt: skip
    loaded, defaults = LOADED[part](path)
    assert loaded == defaults
    assert tomllib.loads(path.read_text())["log"]["level"] == "info"


def test_every_library_that_is_needed_is_found_and_no_other() -> None:
    agent = {
        one.name for one in vendoring.libraries(vendoring.requirements(vendoring.PARTS["agent"]))
    }

    assert {"grpcio", "protobuf", "psutil", "cryptography", "cffi"} <= agent
    assert not {"aiohttp", "pytest", "pyRAPL", "wattgram"} & agent


def test_what_is_not_installed_or_another_version_is_said() -> None:
    with pytest.raises(vendoring.VendoringError, match="there-is-no-such is not installed"):
        vendoring.libraries(["there-is-no-such"])
    with pytest.raises(vendoring.VendoringError, match="psutil>=99 is asked for"):
        vendoring.libraries(["psutil>=99"])


def wheel(site: Path, content: str) -> metadata.Distribution:
    """Return what is left of a wheel whose module now has this content."""
    about = site / "tiny-1.dist-info"
    (about / "licenses").mkdir(parents=True)
    (about / "METADATA").write_text("Name: tiny\nVersion: 1\nLicense-Expression: MIT\n")
    (about / "licenses" / "LICENSE").write_text("Copyright (c) 2024 Ada\n\nDo as you like.\n")
    (site / "tiny.py").write_text(content)
    for name in ("bin/tiny", "tests/test_tiny.py", "tiny.pyx"):
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text("")
    digest = "sha256=nia_NpkRxFwkPGhBR7I_yeHc_PJX0pmhxjIBam_NM_Q"
    rows = [f"tiny.py,{digest},6", "tests/test_tiny.py,,", "tiny.pyx,,", "../../bin/tiny,,"]
    rows += [f"tiny-1.dist-info/{name},," for name in ("METADATA", "licenses/LICENSE", "RECORD")]
    (about / "RECORD").write_text("\n".join(rows) + "\n")
    return metadata.Distribution.at(about)


def test_a_library_is_copied_without_what_nobody_runs(tmp_path: Path) -> None:
    vendoring.copy_library(wheel(tmp_path / "site", "x = 1\n"), tmp_path / "to")
    copied = {str(path.relative_to(tmp_path / "to")) for path in (tmp_path / "to").rglob("*")}

    assert {"tiny.py", "tiny-1.dist-info/METADATA"} <= copied
    assert not {"tests/test_tiny.py", "tiny.pyx", "tiny-1.dist-info/RECORD"} & copied
    assert not (tmp_path / "to" / "bin").exists()
    assert not (tmp_path / "bin").exists()


def test_a_library_that_somebody_changed_is_not_packaged(tmp_path: Path) -> None:
    with pytest.raises(vendoring.VendoringError, match=r"tiny: tiny\.py is not what its wheel"):
        vendoring.copy_library(wheel(tmp_path / "site", "x = 2\n"), tmp_path / "to")


def test_libraries_of_another_machine_must_be_all_there(tmp_path: Path) -> None:
    wheel(tmp_path / "site", "x = 1\n")
    with pytest.raises(vendoring.VendoringError, match=r"lack .*grpcio"):
        vendoring.stage(vendoring.PARTS["agent"], tmp_path / "to", tmp_path / "site")


def test_a_licence_is_carried_and_apache_s_is_referred_to(tmp_path: Path) -> None:
    text = licences.copyright_file([wheel(tmp_path, "x = 1\n")], "usr/lib/x")

    assert "Files: usr/lib/x/tiny-1.dist-info/*\n usr/lib/x/tiny.py\n" in text
    assert "Copyright: 2024 Ada\nLicense: tiny-1\n" in text
    assert " Do as you like.\n" in text
    assert "\n .\n" in text
    grpc = licences.copyright_file([metadata.distribution("grpcio")], "usr/lib/x")
    assert "/usr/share/common-licenses/Apache-2.0" in grpc
    assert "TERMS AND CONDITIONS FOR USE" not in grpc


def test_every_library_names_its_licence() -> None:
    for part in vendoring.PARTS.values():
        for library in vendoring.libraries(vendoring.requirements(part)):
            assert licences.licence_name(library) != "see the text", library.name


def test_files_get_one_time_and_plain_modes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o700)
    (tmp_path / "a" / "run").write_text("")
    (tmp_path / "a" / "run").chmod(0o700)
    (tmp_path / "a" / "b.so").write_text("")
    (tmp_path / "a" / "b.so").chmod(0o775)
    vendoring.set_times(tmp_path, 1_800_000_000)
    found = {path.name: path.stat() for path in tmp_path.rglob("*")}

    assert {name: one.st_mode & 0o777 for name, one in found.items()} == {
        "a": 0o755, "run": 0o755, "b.so": 0o644,
    }  # fmt: skip
    assert {one.st_mtime for one in found.values()} == {1_800_000_000}


def test_the_time_of_a_build_is_the_one_that_is_said() -> None:
    assert build_times.build_unix_seconds({"SOURCE_DATE_EPOCH": "1800000000"}) == 1_800_000_000
    assert build_times.build_unix_seconds({}) == build_times.EARLIEST_UNIX_SECONDS
    with pytest.raises(ValueError, match="SOURCE_DATE_EPOCH"):
        build_times.build_unix_seconds({"SOURCE_DATE_EPOCH": "today"})


def test_who_builds_it_is_named() -> None:
    said = {"DEBFULLNAME": "Ada", "DEBEMAIL": "ada@example.org"}

    assert deb.maintainer(said) == "Ada <ada@example.org>"
    assert "localhost" in deb.maintainer({})


def test_an_unknown_part_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["deb.py", "agnt"])

    assert deb.main() == 2
    assert "no part agnt" in capsys.readouterr().err
