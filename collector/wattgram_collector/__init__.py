"""Many hosts: account for what they used, and show it."""

from __future__ import annotations

__version__ = "0.1.0"
