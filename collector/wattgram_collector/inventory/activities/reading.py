"""PURE. A file of activities to rows of text, each with the line that it begins on.

CSV (RFC 4180; `,` or `;`), JSON (an array, `{"activities": [...]}` or one object) and JSON lines.
What is wrong with a row is kept with the row; what leaves it open where a row ends, or what a
column is, is wrong for the whole file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Final

from wattgram_collector.inventory.activities.reading_csv import csv_rows
from wattgram_collector.inventory.activities.reading_json import json_lines, json_rows
from wattgram_collector.inventory.activities.source_rows import SourceRow, refusal

FILE_BYTES_MAX: Final = 128 * 1024 * 1024
ROWS_MAX: Final = 500_000


class Form(StrEnum):
    """How a file is written; also what its name ends with."""

    CSV = "csv"
    JSON = "json"
    JSON_LINES = "jsonl"


FORM_OF_SUFFIX: Final[Mapping[str, Form]] = {
    ".csv": Form.CSV,
    ".json": Form.JSON,
    ".jsonl": Form.JSON_LINES,
    ".ndjson": Form.JSON_LINES,
}


def rows_of(
    content: bytes, form: Form, known: Collection[str], rows_max: int = ROWS_MAX
) -> Iterator[SourceRow]:
    """Yield the rows of a file; raises SourceError. `known`: every column that there may be."""
    text = _text(content)
    if form is Form.CSV:
        found = csv_rows(text, known)
    elif form is Form.JSON:
        found = json_rows(text)
    else:
        found = json_lines(text)
    line = count = 0
    for count, row in enumerate(found, start=1):
        line = row.line
        if count > rows_max:
            raise refusal(line, f"more than {rows_max} rows: make two of it")
        yield row
    if not count:
        raise refusal(1, "has no rows")


def _text(content: bytes) -> str:
    if len(content) > FILE_BYTES_MAX:
        raise refusal(1, f"more than {FILE_BYTES_MAX} bytes: make two of it")
    nul = content.find(b"\0")
    if nul >= 0:
        line = content.count(b"\n", 0, nul) + 1
        raise refusal(line, "has a NUL byte: write the file as UTF-8, not as UTF-16")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise refusal(line, f"is not UTF-8 (byte 0x{byte:02X}): write the file as UTF-8") from None
    if not text.strip():
        raise refusal(1, "is empty")
    return text
