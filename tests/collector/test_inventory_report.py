"""`wattgram-collector report --period`: its files, its totals, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from inventory_office import CONFIG, START, Office, document, leaf, line, read
from inventory_parts import asset, gateway
from ledger_files import first_version
from pricing_desk import bare_environment
from wattgram_collector.inventory.report.files import ALL
from wattgram_collector.ledger.journal import JournalKind, JournalRecord
from wattgram_collector.ledger.sqlite_journal import SqliteJournal

DIESEL = {"kind": "fuel", "activity_id": "gen", "fuel": "diesel", "litres": "100"}


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    bare_environment(monkeypatch)
    return Office(tmp_path)


@cache
def everything() -> dict[str, bytes]:
    """Two hosts that are assets, one that is none, and fuel."""
    with TemporaryDirectory() as directory:
        office = Office(Path(directory))
        office.hosts(web=[(START, "1")], box=[(START, "2")], stray=[(START, "4")])
        office.assets(
            asset("srv", hosts=("web",), org_unit="it", service="mail"), gateway(hosts=("box",))
        )
        office.activities(DIESEL)
        return office.saved()


def full(office: Office) -> Office:
    return office.restored(everything())


def checksums(folder: Path) -> dict[str, str]:
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.iterdir()}


def test_a_report_has_every_file_and_they_are_as_its_manifest_says(office: Office) -> None:
    folder = full(office).report()

    assert {one.name for one in folder.iterdir()} == ALL - {"pact.json"}
    said = document(folder, "manifest.json")
    found = checksums(folder)
    del found["manifest.json"]
    assert said["files"] == found
    assert (said["organisation"], said["period_from"], said["period_to"]) == (
        "Acme & Söhne", "2025-01-01", "2025-12-31",
    )  # fmt: skip
    assert said["closed"] is None
    assert read(folder, "ledger.csv")[-1]["hash"] == said["ledger_head"]


def test_the_totals_are_those_of_what_was_delivered(office: Office) -> None:
    folder = full(office).report()

    assert line(folder, "1") == Decimal("269.72")
    assert line(folder, "2", "location") == Decimal("0.3")  # 1 kWh x 1.5 x 200 g
    assert line(folder, "2", "market") == Decimal("0.015")
    assert line(folder, "3.3 3b") == Decimal("0.0675")
    assert line(folder, "3.11") == Decimal("0.6")  # 2 kWh of the gateway x 1.5
    assert leaf(folder, "direct_emissions.servers") == 0.3
    assert leaf(folder, "downstream_emissions.downstream_infrastructure") == 0.6
    assert len({row["category"] for row in read(folder, "inventory.csv")}) == 16
    stray = [row for row in read(folder, "ledger.csv") if row["agent"] == "stray"]
    assert {(row["role"], row["in_ghg"], row["in_tcs"]) for row in stray} == {
        ("memo", "false", "false")
    }


def test_the_same_ledger_and_journal_give_the_same_bytes(office: Office) -> None:
    first = checksums(full(office).report())

    assert checksums(office.report()) == first


def test_another_folder_gives_the_same_bytes_and_another_rule_does_not(
    office: Office, tmp_path: Path
) -> None:
    first = checksums(full(office).report())
    there, other = tmp_path / "there", tmp_path / "other"
    there.mkdir()
    other.mkdir()

    assert checksums(Office(there).restored(everything()).report()) == first
    config = f"{CONFIG}hardware_basis = 'amortised'\n"
    said = checksums(Office(other, config).restored(everything()).report())
    assert said["manifest.json"] != first["manifest.json"]
    assert said["ledger.csv"] == first["ledger.csv"]


def test_the_command_says_the_totals_and_what_is_in_none(office: Office) -> None:
    printed = full(office).run(
        "report", "--period", "2025", "--out", str(office.directory / "out"), "--format", "json"
    )
    said = " ".join(printed.split())

    assert "Acme & Söhne: 2025, 2025-01-01 to before 2026-01-01 (UTC), a draft" in said
    assert "scope 2, market-based 0.015 kg" in said
    assert "agent/stray: " in said
    assert "6.0 kWh" in said
    assert "not evaluated: 3.1, 3.2, 3.4," in said
    assert "out/acme-söhne/2025: 2 files; " in said


def test_forms_that_were_not_asked_for_are_not_there(office: Office) -> None:
    folder = full(office).report("--format", "json")
    assert {one.name for one in folder.iterdir()} == {"tcs.json", "manifest.json"}

    again = office.report("--format", "html")
    assert {one.name for one in again.iterdir()} == {"report.html", "report.md", "manifest.json"}


def test_one_unit_of_the_organisation(office: Office) -> None:
    folder = full(office).report("--org", "it")

    assert folder.parent.name == "it"
    assert line(folder, "2", "location") == Decimal("0.3")
    assert {row["kgco2e"] for row in read(folder, "inventory.csv") if row["scope"] == "1"} == {""}
    assert document(folder, "tcs.json")["emissions_reports"][0]["reporting_unit"] == "it"
    complaint = office.run("report", "--period", "2025", "--org", "hr", code=2)
    assert complaint == "wattgram-collector: nothing is of the unit 'hr'; there are: it\n"


# ── closing ──────────────────────────────────────────────────────────────────────────────────


def test_a_closed_period_is_corrected_and_never_rewritten(office: Office) -> None:
    closed = full(office).tables("--close")
    files = checksums(closed)
    before = (closed / "ledger.csv").read_text(encoding="utf-8")

    assert document(closed, "manifest.json")["closed"]["corrections"] == 0
    assert checksums(office.tables("--close")) == files
    assert "1 closings of periods" in office.run("ledger", "verify")

    office.run("activities", "withdraw", "gen", "--reason", "counted by the landlord")
    office.activities({**DIESEL, "activity_id": "gen-2", "litres": "50"})
    later = office.tables("--close")

    after = (later / "ledger.csv").read_text(encoding="utf-8")
    assert after.startswith(before)
    assert line(later, "1") == Decimal("134.86")
    negative = [row for row in read(later, "ledger.csv") if row["kgco2e"].startswith("-")]
    assert {row["activity_id"] for row in negative} == {"gen"}
    assert all(row["reverses"] for row in negative)
    assert "sound" in office.run("report", "--verify", str(later))
    assert "2 closings of periods" in office.run("ledger", "verify")
    assert (office.tables() / "ledger.csv").read_text(encoding="utf-8") == after


def test_a_draft_and_a_closed_report_say_which_they_are(office: Office) -> None:
    words = ("report", "--period", "2025", "--format", "html", "--out", str(office.directory))
    draft = full(office).run(*words)
    closed = office.run(*words, "--close")

    assert "a draft: not closed" in draft
    assert "closed on " in closed
    assert "(journal entry 4)" in closed


def test_what_is_not_over_is_not_closed(office: Office) -> None:
    full(office)

    complaint = office.run("report", "--period", "2199", "--close", code=1)

    assert complaint == (
        "wattgram-collector: 2199 is not over: it can be closed from 2200-01-01 on\n"
    )
    assert "0 closings" in office.run("ledger", "verify")


# ── what is refused ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--period", "2025-13"), "'2025-13' is no period"),
        (("--period", "2025", "--format", "csv,pdf"), "not 'pdf'"),
        (("--period", "2025", "--from", "today"), "--from does not go with --period"),
        (("--period", "2025", "--by", "host"), "--by does not go with --period"),
        (("--org", "it"), "--org needs a --period"),
        (("--close",), "--close needs a --period"),
        (("--as-of", "2025-01-01"), "--as-of needs a --period"),
        (("--verify", "x", "--close"), "--close does not go with --verify"),
        (("--verify", "x", "--period", "2025"), "--period does not go with --verify"),
        (("--format", "html"), "--format must be table, csv, json, not 'html'"),
    ],
)
def test_words_that_do_not_go_together(
    office: Office, words: tuple[str, ...], complaint: str
) -> None:
    assert complaint in office.run("report", *words, code=2)


def test_a_report_of_nothing_is_sound_and_has_no_total(office: Office) -> None:
    folder = full(office).report(period="2019")

    office.run("report", "--verify", str(folder))
    totals = [row["value"] for row in read(folder, "esrs_e1_6.csv")]
    assert set(totals) == {""}


def test_a_folder_that_is_not_there_is_named(office: Office) -> None:
    complaint = office.run("report", "--verify", "reports/acme", code=1)

    assert complaint == "wattgram-collector: reports/acme: there is no such folder of a report\n"


def test_who_reports_must_be_said(tmp_path: Path) -> None:
    said = Office(tmp_path, "").run("report", "--period", "2025", code=2)

    assert said == (
        "wattgram-collector: who reports? set [inventory] organisation in the configuration\n"
    )


def test_a_folder_that_is_no_report_is_left_alone(office: Office) -> None:
    folder = full(office).tables()
    mine = folder / "thesis.txt"
    mine.write_text("years of work")

    complaint = office.run("report", "--period", "2025", "--out", str(office.directory / "out"),
                           "--force", code=1)  # fmt: skip

    assert "thesis.txt is of no report: give another --out" in complaint
    assert mine.read_text() == "years of work"
    assert not [one for one in folder.parent.iterdir() if one != folder]


def test_an_older_ledger_does_not_write_over_a_newer_report(office: Office) -> None:
    folder = full(office).tables()
    said = document(folder, "manifest.json")
    (folder / "manifest.json").write_text(json.dumps({**said, "journal_entries": 99}))
    words = ("report", "--period", "2025", "--format", "csv", "--out",
             str(office.directory / "out"))  # fmt: skip

    assert "was made of 99 journal entries, this ledger has 3" in office.run(*words, code=1)
    (folder / "manifest.json").write_text("{}")
    assert "its manifest.json cannot be read" in office.run(*words, code=1)
    office.run(*words, "--force")
    assert document(folder, "manifest.json") == said


def test_the_ledgers_check_looks_at_what_was_closed(office: Office) -> None:
    """A closing that was never one stands in an unbroken chain: only its content tells."""
    full(office)
    office.run("ledger", "verify")
    journal = SqliteJournal(office.directory / "ledger.sqlite")
    journal.append([JournalRecord(JournalKind.CLOSING, "2025", "{}")], 1)
    journal.close()

    assert "entry 4" in office.faulty("ledger", "verify")


def test_what_this_version_does_not_understand_stops_the_report(office: Office) -> None:
    full(office)
    journal = SqliteJournal(office.directory / "ledger.sqlite")
    journal.append([JournalRecord(JournalKind.ACTIVITY, "x", '{"kind": "magic"}')], 1)
    journal.close()

    complaint = office.run("report", "--period", "2025", "--out", "out", code=1)

    assert complaint.startswith("wattgram-collector: journal: entry 4 is no activity")
    assert not (office.directory / "out").exists()


def test_a_period_that_was_closed_is_not_written_over_by_a_draft_of_other_days(
    office: Office,
) -> None:
    folder = full(office).tables("--close")
    before = checksums(folder)
    config = office.directory / "collector.toml"
    config.write_text(config.read_text() + 'timezone = "Europe/Berlin"\n')
    words = ("report", "--period", "2025", "--out", str(office.directory / "out"))

    complaint = office.run(*words, code=1)
    elsewhere = office.run(*words[:-1], str(office.directory / "other"))

    assert "is of a period that was closed (days of UTC), and this is a draft" in complaint
    assert checksums(folder) == before
    assert (
        "2025 was closed with the days of UTC (journal entry 4): with those of Europe/Berlin it is"
        " another period, not closed"
    ) in elsewhere


def test_two_units_whose_folders_have_one_name(office: Office) -> None:
    office.hosts(web=[(START, "1")], box=[(START, "2")])
    office.assets(asset("srv", hosts=("web",), org_unit="R/D"),
                  asset("box", hosts=("box",), org_unit="R D"))  # fmt: skip
    out = str(office.directory / "out")
    office.run("report", "--period", "2025", "--org", "R/D", "--out", out)

    complaint = office.run("report", "--period", "2025", "--org", "R D", "--out", out, code=1)

    assert "is of org_unit 'R/D', and this run of 'R D': --force writes over it" in complaint
    office.run("report", "--period", "2025", "--org", "R D", "--out", out, "--force")


def test_a_unit_that_is_called_like_a_period(office: Office) -> None:
    office.hosts(web=[(START, "1")])
    office.assets(asset("srv", hosts=("web",), org_unit="2025"))
    out = str(office.directory / "out")
    for words in ((), ("--org", "2025"), ()):
        office.run("report", "--period", "2025", "--out", out, *words)

    mine = office.directory / "out" / "acme-söhne"
    assert (mine / "unit-2025" / "2025" / "manifest.json").exists()
    assert "sound" in office.run("report", "--verify", str(mine / "2025"))


def test_what_cannot_be_written_is_not_closed(office: Office) -> None:
    config = office.directory / "collector.toml"
    config.write_text(config.read_text() + 'auditor_link = "nobody"\n')
    full(office)
    words = ("report", "--period", "2025", "--close", "--out", str(office.directory / "out"))

    assert "auditor_link: must be a URL" in office.run(*words, code=1)
    assert "0 closings" in office.run("ledger", "verify")
    folder = office.report("--format", "csv")
    (folder / "mine.txt").write_text("mine")
    assert "mine.txt is of no report" in office.run(*words, "--format", "csv", code=1)
    assert "0 closings" in office.run("ledger", "verify")


def test_a_closing_outlives_files_that_were_not_written(office: Office) -> None:
    full(office)
    (office.directory / "file").write_text("")
    words = ("report", "--period", "2025", "--out", str(office.directory / "file"))

    complaint = office.run(*words, "--close", "--format", "csv", code=1)

    assert "2025 is closed (journal entry 4): to have its files, run again" in complaint
    assert "closed on" in office.run(*words[:-1], str(office.directory / "out"))


FORMULA = '=HYPERLINK("http://example.org","x")'


def test_nothing_that_people_say_is_a_formula_in_a_table(office: Office) -> None:
    office.hosts(web=[(START, "1")], box=[(START, "1")])
    office.assets(asset("=srv", hosts=("web",), org_unit="@it", service="+mail"),
                  asset("'=srv", hosts=("box",), site="-1+1"))  # fmt: skip
    office.activities({**DIESEL, "activity_id": "=1+1", "note": FORMULA, "evidence": "@x",
                       "site": "+x"})  # fmt: skip
    folder = office.report("--close")
    closed = (folder / "ledger.csv").read_bytes()

    for file in folder.glob("*.csv"):
        for row in read(folder, file.name):
            for cell in row.values():
                assert not cell.startswith(("=", "+", "@")), (file.name, cell)
                assert not cell.startswith("-") or cell == "-" or Decimal(cell), file.name
    names = {row["asset_id"] for row in read(folder, "ledger.csv")}
    assert names == {"'=srv", "''=srv", ""}
    assert {row["activity_id"] for row in read(folder, "ledger.csv")} == {"'=1+1", ""}
    assert "sound" in office.run("report", "--verify", str(folder))
    assert (office.report() / "ledger.csv").read_bytes() == closed
    assert "sound" in office.run("ledger", "verify")


def test_a_folder_that_is_a_link_stays_one(office: Office) -> None:
    full(office)
    real = office.directory / "elsewhere"
    for _ in range(2):
        link = office.directory / "out" / "acme-söhne" / "2025"
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(real)
        folder = office.tables()

        assert folder.is_symlink()
        assert (real / "manifest.json").exists()
        assert [one.name for one in link.parent.iterdir()] == ["2025"]


def test_what_killed_runs_have_left_is_cleared_a_day_later(office: Office) -> None:
    folder = full(office).tables()
    left = [folder.with_name(name) for name in (".2025.partial-1", ".2025.old-1")]
    fresh = folder.with_name(".2025.partial-2")
    for one in (*left, fresh):
        one.mkdir()
        (one / "ledger.csv").write_text("half")
    for one in left:
        os.utime(one, (1, 1))

    office.tables()

    assert {one.name for one in folder.parent.iterdir()} == {"2025", ".2025.partial-2"}


def test_a_command_that_was_interrupted_is_not_done(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SqliteJournal, "append", interrupt)
    file = office.written("rows.csv", "kind,from,fuel,litres\nfuel,2025-01-01,diesel,1\n")

    assert office.run("activities", "import", str(file), code=1) == (
        "wattgram-collector: interrupted\n"
    )


def test_a_ledger_of_an_earlier_version_is_named(office: Office) -> None:
    first_version(office.directory / "ledger.sqlite")

    complaint = office.run("report", "--period", "2025", code=1)

    assert "ledger.sqlite: schema version 1, this program reads version" in complaint
    assert "`wattgram-collector run` brings an older one up to it" in complaint
