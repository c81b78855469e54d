"""PURE. What a check of a ledger finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be."""

    kind: str
    """storage, value, orphan or unreadable; control, entry, sequence or journal."""
    detail: str

    @property
    def is_damage(self) -> bool:
        """Whether the file cannot be trusted to be written to; else a sum is wrong."""
        return self.kind in {"storage", "value", "orphan", "unreadable"}

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"
