"""One target for a while, in a process of its own: `python -m fuzz.worker TARGET …`.

atheris watches which of our code an input reaches and goes on from those that reach more. Where
it is not installed hypothesis changes the kept inputs at random: slower to find what lies deep.
Says what it did in libFuzzer's words; a crash ends it with another status than 0, and the input
lies in `--found`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import logging
import random
import sys
import time
import traceback
from pathlib import Path
from typing import NoReturn

import hypothesis
from hypothesis import strategies as st

from fuzz.mutations import mutated
from fuzz.targets import TARGETS, Run, corpus_of

# How an input is cut counts too: else those in words would be taken for those that are not.
OURS = ["wattgram", "wattgram_agent", "wattgram_collector", "tomllib", "fuzz.inputs"]
INPUT_SECONDS_MAX = 20
RESIDENT_MEGABYTES_MAX = 2048
ROUND = 500
WORDS = Path(__file__).with_name("words.dict")


def has_atheris() -> bool:
    return importlib.util.find_spec("atheris") is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, required=True, help="where what reaches more goes")
    parser.add_argument("--found", type=Path, required=True, help="where what crashes goes")
    parser.add_argument("--engine", choices=("atheris", "hypothesis"))
    options = parser.parse_args()
    for directory in (options.corpus, options.found):
        directory.mkdir(parents=True, exist_ok=True)
    logging.disable()
    with_atheris = options.engine == "atheris" if options.engine else has_atheris()
    work = _with_atheris if with_atheris else _with_hypothesis
    work(options.target, options.seconds, options.corpus, options.found)


def _with_atheris(name: str, seconds: int, corpus: Path, found: Path) -> NoReturn:
    import atheris  # noqa: PLC0415 - it may not be there

    target = TARGETS[name]
    with atheris.instrument_imports(include=OURS, enable_loader_override=False):
        run = target.load()
    flags = [
        f"-max_total_time={seconds}",
        f"-timeout={INPUT_SECONDS_MAX}",
        f"-rss_limit_mb={RESIDENT_MEGABYTES_MAX}",
        f"-max_len={target.most_bytes}",
        f"-artifact_prefix={found}/",
        f"-dict={WORDS}",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    kept = corpus_of(name)
    whole = [path.read_bytes()[: target.most_bytes] for path in kept]
    directories = [str(corpus), *({str(path.parent) for path in kept})]

    def change(data: bytes, most_bytes: int, seed: int) -> bytes:
        rng = random.Random(seed)
        # libFuzzer makes what it goes on from as small as it can; the kept inputs are whole.
        base = rng.choice(whole) if whole and not rng.randrange(4) else data
        new = mutated(base, rng)[:most_bytes] if rng.randrange(2) else base
        return new if new != data else bytes(atheris.Mutate(data, most_bytes))

    def once(data: bytes) -> None:
        run(data)

    atheris.Setup([sys.argv[0], *flags, *directories], once, custom_mutator=change)
    atheris.Fuzz()
    raise AssertionError("it ends the process itself")


# ── without atheris ──────────────────────────────────────────────────────────────────────


def _with_hypothesis(name: str, seconds: int, _: Path, found: Path) -> None:
    target = TARGETS[name]
    kept = [path.read_bytes()[: target.most_bytes] for path in corpus_of(name)]
    count = fuzz(target.load(), kept, target.most_bytes, time.monotonic() + seconds, found)
    print(f"stat::number_of_executed_units: {count}", file=sys.stderr)


def fuzz(
    run: Run,
    kept: list[bytes],
    most_bytes: int,
    until_seconds: float,
    found: Path,
    *,
    at_once: int = ROUND,
) -> int:
    """Try inputs until a time of the monotonic clock; return how many were tried.

    The clock is looked at after `at_once` of them.

    The smallest that crashes is written into the directory `found`, and ends the process.
    """
    count = 0
    last = b""

    @hypothesis.settings(max_examples=at_once, deadline=None, database=None,
                         suppress_health_check=list(hypothesis.HealthCheck))  # fmt: skip
    @hypothesis.given(changed(kept, most_bytes))
    def once(data: bytes) -> None:
        nonlocal count, last
        last = data
        count += 1
        run(data)

    while True:
        try:
            once()
        except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
            traceback.print_exc()
            (found / f"crash-{hashlib.sha1(last).hexdigest()}").write_bytes(last)  # noqa: S324
            print(f"stat::number_of_executed_units: {count}", file=sys.stderr)
            sys.exit(1)
        if time.monotonic() >= until_seconds:
            return count


@st.composite
def changed(draw: st.DrawFn, kept: list[bytes], most_bytes: int) -> bytes:
    """A kept input of which bytes were changed, taken out, put in, or come from another."""
    data = bytearray(draw(st.sampled_from(kept)))
    if draw(st.booleans()):
        data = bytearray(mutated(bytes(data), random.Random(draw(st.integers(0, 1 << 32)))))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 8))
        other = draw(st.sampled_from(kept))
        start = draw(st.integers(0, len(other)))
        new = draw(
            st.binary(max_size=8)
            | st.integers(-2, 1 << 70).map(lambda number: str(number).encode())
            | st.sampled_from((b"\0", b"\n", b'"', b"[" * 2000, b"9" * 5000, b"\xff" * 8))
            | st.just(other[start : start + 40])
        )
        data[at : at + length] = new
    return bytes(data[:most_bytes])


if __name__ == "__main__":
    main()
