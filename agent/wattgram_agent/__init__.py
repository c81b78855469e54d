"""One host: sample its meters and deliver what they said."""

from __future__ import annotations

__version__ = "0.1.0"
