"""An organisation's collector without its sockets: what it says, what agents sent, its reports."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from builders import PACKAGE as METER
from builders import Book, intensity, terms
from pricing_desk import Desk
from wattgram_collector.__main__ import main
from wattgram_collector.intensity import Losses, Scope, Tier
from wattgram_collector.inventory.register.assets import Asset
from wattgram_collector.inventory.register.writing import write_toml

START: Final = 1_750_000_200  # 2025-06-15T15:10:00Z, a slot's
JOULES_PER_KWH: Final = 3_600_000
TERMS: Final = terms(
    "GB", site="hall", pue="1.5", pue_source="meters", loss_share="0.07",
    loss_source="losses of GB", upstream_grams_per_kilowatt_hour="45",
    upstream_source="supply of GB",
)  # fmt: skip
CONFIG: Final = '[inventory]\norganisation = "Acme & Söhne"\nregistered_country = "DE"\n'
Row = dict[str, str]


class Office:
    """The commands of one organisation on one ledger, in a folder of its own."""

    def __init__(self, directory: Path, config: str = CONFIG) -> None:
        self.directory = directory
        self._config = directory / "collector.toml"
        self._config.write_text(f"state_directory = {json.dumps(str(directory))}\n{config}")
        self._files = 0

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command; return what it prints, or complains."""
        out, err = self._both(words, code)
        return err if code else out

    def faulty(self, *words: str) -> str:
        """Run a command that finds a fault; return what it prints."""
        return self._both(words, 1)[0]

    def _both(self, words: tuple[str, ...], code: int) -> tuple[str, str]:
        count = 1 if words[0] in ("report", "explain") else 2
        line = [*words[:count], "--config", str(self._config), *words[count:]]
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            assert main(line) == code, err.getvalue()
        return out.getvalue(), err.getvalue()

    def saved(self) -> dict[str, bytes]:
        """Return every file there is, to begin again from."""
        return {one.name: one.read_bytes() for one in self.directory.iterdir() if one.is_file()}

    def restored(self, saved: Mapping[str, bytes]) -> Office:
        """Return itself with the files of another office, but for its configuration."""
        for name, content in saved.items():
            if name != self._config.name:
                (self.directory / name).write_bytes(content)
        self._files = len(saved)
        return self

    def hosts(self, **kilowatt_hours: Iterable[tuple[int, str]]) -> None:
        """Deliver what hosts used: instants and kilowatt-hours, of one slot each."""
        factor = intensity("GB", "200", scope=Scope.DIRECT, losses=Losses.BUSBAR,
                           tier=Tier.OPERATOR, version="2025")  # fmt: skip
        market = intensity("GB", "10", scope=Scope.DIRECT, tier=Tier.OPERATOR, version="wind")
        desk = Desk(self.directory, dict.fromkeys(kilowatt_hours, TERMS), Book([factor]),
                    market=Book([market]), now=START + 86_400)  # fmt: skip
        for host, used in kilowatt_hours.items():
            for start, amount in used:
                microjoules = int(Decimal(amount) * JOULES_PER_KWH * 1_000_000)
                desk.deliver(start, 300, {METER: microjoules}, hosts=[host])
        desk.ledger.close()

    def assets(self, *said: Asset) -> None:
        self.run("assets", "import", str(self.written("assets.toml", write_toml(said))))

    def activities(self, *rows: Mapping[str, str], more: tuple[str, ...] = ()) -> Path:
        """Import rows of 2025 from a file of its own; return it."""
        self._files += 1
        dated = [{"from": "2025-01-01", "to": "2025-12-31", **row} for row in rows]
        columns = list(dict.fromkeys(name for row in dated for name in row))
        out = io.StringIO()
        writer = csv.DictWriter(out, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(dated)
        file = self.written(f"rows-{self._files}.csv", out.getvalue())
        self.run("activities", "import", str(file), *more)
        return file

    def written(self, name: str, content: str) -> Path:
        file = self.directory / name
        file.write_text(content, encoding="utf-8")
        return file

    def report(self, *words: str, period: str = "2025") -> Path:
        """Make a report; return its folder."""
        out = self.directory / "out"
        self.run("report", "--period", period, "--out", str(out), *words)
        unit = (words[words.index("--org") + 1],) if "--org" in words else ()
        return out.joinpath("acme-söhne", *unit, period.replace("/", "_"))

    def tables(self, *words: str) -> Path:
        """Make the tables of 2025 only; return their folder."""
        return self.report("--format", "csv", *words)


def read(folder: Path, name: str) -> list[Row]:
    return list(csv.DictReader(io.StringIO((folder / name).read_text(encoding="utf-8"))))


def document(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_bytes())


def line(folder: Path, scope: str, method: str = "-") -> Decimal:
    """Return kg of a line of inventory.csv, named as `3.3 3b`."""
    place, _, part = scope.partition(" ")
    number, _, category = place.partition(".")
    (row,) = [
        one for one in read(folder, "inventory.csv")
        if (one["scope"], one["category"], one["subcategory"], one["method"])
        == (number, category or "-", part, method)
    ]  # fmt: skip
    return Decimal(row["kgco2e"])


def leaf(folder: Path, path: str) -> float:
    found = document(folder, "tcs.json")["emissions_reports"][0]["tech_carbon_standard"]
    branch, _, name = path.partition(".")
    return float(found[branch][name]["emissions"])
