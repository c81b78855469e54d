"""Every input that is kept, seed or found case, through its target; `make fuzz` looks for more."""

from __future__ import annotations

import logging

import pytest

from fuzz import seeds
from fuzz.targets import CORPUS, TARGETS, corpus_of


@pytest.mark.parametrize("name", TARGETS)
def test_no_kept_input_breaks_what_must_hold(name: str) -> None:
    """And some are taken for something: a target that refuses all would find nothing."""
    run = TARGETS[name].load()
    logging.disable()
    taken = set()
    try:
        for path in corpus_of(name):
            try:
                if run(path.read_bytes()):
                    taken.add(path.name)
            except BaseException as error:
                error.add_note(f"the input is {path}")
                raise
    finally:
        logging.disable(logging.NOTSET)
    assert taken


def test_the_corpus_is_of_the_table() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    assert [f"{target}/{name}" for target, name, _ in seeds.missing()] == []
