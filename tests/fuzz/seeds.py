"""`python -m fuzz.seeds`: write the inputs to begin with, as our own encoders make them.

Only those that are missing: keys and tokens are random, and a kept one stays as it is. Of each
target there is a function of its name in one of the modules.
"""

from __future__ import annotations

from collections.abc import Iterator

from fuzz import seeds_of_machines, seeds_of_operators, seeds_of_providers, seeds_of_streams
from fuzz.targets import CORPUS, TARGETS, corpus_of

_MODULES = (seeds_of_streams, seeds_of_operators, seeds_of_machines, seeds_of_providers)


def missing() -> Iterator[tuple[str, str, bytes]]:
    """Yield target, name and bytes of every seed that is not there."""
    for target in TARGETS:
        there = {path.name for path in corpus_of(target)}
        make = next(getattr(one, target) for one in _MODULES if hasattr(one, target))
        for name, data in make().items():
            if name not in there:
                yield target, name, data


def main() -> None:
    for target, name, data in missing():
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        (CORPUS / target / name).write_bytes(data)
        print(f"{target}/{name}: {len(data)} bytes")


if __name__ == "__main__":
    main()
