"""Log lines: key=value or JSON, to stderr. Messages are an event word and its fields."""

from __future__ import annotations

import json
import logging
import os
import sys

# gRPC's own lines are left out unless the environment asks for them: each handshake that fails
# would be one, for a stranger to fill the disk with. It looks at this when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(level: str, style: str) -> None:
    """Send everything at `level` and above to stderr, as `text` or `json`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter()
        if style == "json"
        else logging.Formatter(
            "time=%(asctime)s level=%(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
