"""The commands of what people say, on a ledger of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wattgram_collector.__main__ import main
from wattgram_collector.config import load_config
from wattgram_collector.ledger import storage
from wattgram_collector.ledger.journal import JournalEntry, verified

CONFIG = """
[inventory]
timezone = "Europe/Berlin"

[market.windpark]
kind = "contract"
scope = "lifecycle"
grams_per_kilowatt_hour = 10
valid_from = "2025-01-01"
valid_until = "2026-01-01"
source = "contract 12"

[market.rest]
kind = "residual_mix"
scope = "lifecycle"
grams_per_kilowatt_hour = 500
source = "AIB 2024"
"""


class SaidDesk:
    """Runs a command; keeps what it wrote."""

    def __init__(
        self, directory: Path, output: pytest.CaptureFixture[str], config: str = CONFIG
    ) -> None:
        self.directory = directory
        self._output = output
        self._config = directory / "collector.toml"
        self.configure(config)
        self.out = self.err = ""

    def configure(self, config: str) -> None:
        state = json.dumps(str(self.directory / "state"))
        self._config.write_text(f"state_directory = {state}\n{config}")
        (self.directory / "state").mkdir(exist_ok=True)

    def run(self, *words: str) -> int:
        code = main([*words, "--config", str(self._config)])
        self.out, self.err = self._output.readouterr()
        return code

    def json(self, *words: str) -> Any:
        self.run(*words, "--json")
        return json.loads(self.out)

    def file(self, name: str, content: str | bytes) -> str:
        path = self.directory / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    @property
    def entries(self) -> list[JournalEntry]:
        """The journal, verified; empty where nothing was ever written."""
        config = load_config(self._config, {})
        if not (self.directory / "state" / "ledger.sqlite").exists():
            return []
        ledger = storage.reading(config)
        found = list(verified(ledger.journal()))
        ledger.close()
        return found
