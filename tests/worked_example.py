"""The worked organisation of `deploy/examples`, and the programs of `deploy/demo` that run it.

from worked_example import EXAMPLES, fleet, reconciling
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "deploy" / "demo"))

import fleet
import organisation
import reconciling

EXAMPLES = organisation.SHIPPED
PROGRAM = Path(organisation.__file__)

__all__ = ["EXAMPLES", "PROGRAM", "fleet", "organisation", "reconciling"]
