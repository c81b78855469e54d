"""PURE. Which shipped product an asset is: its manufacturer and model, exactly or nearly.

Firmware, invoices and data sheets write one name in many ways. Names are compared word by word; a
word with a digit tells products apart, so it weighs twice and must not be missing. `Surface Laptop
2` is not `Surface Laptop Go 2`: nearly alike is only what goes on where the other name ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Final, NamedTuple

from wattgram_collector.inventory.making.hardware import Product

SCORE_MIN: Final = Fraction(3, 4)
"""Below this a name is another's."""

_MAKERS: Final = {
    "hewlett": "hp", "hewlettpackard": "hp", "hpe": "hp", "alienware": "dell", "asustek": "asus",
}  # fmt: skip
_COMPANY: Final = frozenset(
    {
        "inc", "corp", "corporation", "co", "ltd", "llc", "gmbh", "computer", "electronics",
        "enterprise", "packard", "international", "technologies", "technology", "emc",
    }
)  # fmt: skip
_IDLE: Final = frozenset(
    {
        "notebook", "pc", "computer", "monitor", "display", "server", "inch", "with", "and",
        "the", "business",
    }
)  # fmt: skip
_ORDINAL: Final = re.compile(r"\b(\d+)(?:st|nd|rd|th) gen(?:eration)?\b")
_GENERATION: Final = re.compile(r"\bgen(?:eration)? (\d+)\b")
_TWO_IN_ONE: Final = re.compile(r"\b2[ -]in[ -]1\b")
_BRACKETS: Final = re.compile(r"-?\[[^\]]*\]-?")
_WORD: Final = re.compile(r"[a-z0-9]+(?:\.[0-9]+)?")


class Match(NamedTuple):
    """A product, and how alike its name is: 1 for the same words."""

    product: Product
    score: Fraction
    alike: int = 1
    """How many products are as alike; the one that emits most is taken."""

    @property
    def is_exact(self) -> bool:
        return self.score == 1

    def __str__(self) -> str:
        name = f"{self.product.manufacturer} {self.product.model}"
        others = f", the highest of {self.alike} as near" if self.alike > 1 else ""
        return f"product {name} (score {float(self.score):.2f}{others})"


class Models:
    """The shipped products, by maker."""

    def __init__(self, products: Iterable[Product]) -> None:
        self._products = tuple(products)

    @cached_property
    def _by_maker(self) -> dict[str, list[tuple[Product, tuple[str, ...]]]]:
        found: dict[str, list[tuple[Product, tuple[str, ...]]]] = {}
        for one in self._products:
            maker = maker_of(one.manufacturer)
            for name in _names(one.model):
                found.setdefault(maker, []).append((one, words_of(name, maker)))
        return found

    def match(self, manufacturer: str, model: str, device_class: str = "") -> Match | None:
        """Return the product that is most alike; None where none is alike enough.

        One that is nearly alike must be of the same kind of device where a class is given.
        """
        maker = maker_of(manufacturer)
        wanted = words_of(model, maker)
        best: list[tuple[Fraction, Product]] = []
        for product, words in self._by_maker.get(maker, ()) if wanted else ():
            score = likeness(wanted, words)
            if score < SCORE_MIN or (score < 1 and not _is_kin(product, device_class)):
                continue
            if not best or score > best[0][0]:
                best = [(score, product)]
            elif score == best[0][0]:
                best.append((score, product))
        if not best:
            return None
        alike = {one.model: one for _, one in best}
        highest = max(alike.values(), key=lambda one: (one.kilograms, one.model))
        return Match(highest, best[0][0], len(alike))


def maker_of(manufacturer: str) -> str:
    """Return a maker's name in one word: `Dell Inc.` and `DELL` are `dell`."""
    words = [one for one in _WORD.findall(manufacturer.lower()) if one not in _COMPANY]
    return _MAKERS.get(words[0], words[0]) if words else ""


def words_of(model: str, maker: str = "") -> tuple[str, ...]:
    """Return the words that tell a model; its maker's name and words that say nothing are not."""
    text = _BRACKETS.sub(" ", model.lower()).replace("(r)", " ").replace("(tm)", " ")
    text = _ORDINAL.sub(r"gen\1", " ".join(re.sub(r"[()+,]", " ", text).split()))
    text = _TWO_IN_ONE.sub("2in1", _GENERATION.sub(r"gen\1", text))
    words = (one for one in _WORD.findall(text) if one not in _IDLE and one != maker)
    return tuple(dict.fromkeys(words))


def likeness(wanted: Sequence[str], found: Sequence[str]) -> Fraction:
    """Return twice what is shared over the sum of both (Dice), words with a digit twofold.

    1 for the same words in any order; else nought unless one name begins with the other, has a
    digit, and every word of `wanted` that has one is found.
    """
    if set(wanted) == set(found):
        return Fraction(1 if wanted else 0)
    shared = min(len(wanted), len(found))
    more = wanted[shared:]
    is_other = list(wanted[:shared]) != list(found[:shared]) or any(map(_has_digit, more))
    if is_other or not any(map(_has_digit, wanted)):
        return Fraction(0)
    return Fraction(2 * _weight(found[:shared]), _weight(wanted) + _weight(found))


def _weight(words: Iterable[str]) -> int:
    return sum(2 if _has_digit(word) else 1 for word in words)


def _has_digit(word: str) -> bool:
    return any(one.isdigit() for one in word)


def _names(model: str) -> Iterator[str]:
    """Yield the name and, of `ideapad 530S-14/XiaoXin Air 14`, each of the two."""
    yield model
    parts = [one.strip() for one in model.split("/")]
    if len(parts) > 1:
        yield from (one for one in parts if len(one.split()) > 1)


def _is_kin(product: Product, device_class: str) -> bool:
    return not device_class or _family(product.device_class) == _family(device_class)


_FAMILIES: Final = {
    "server_blade": "server", "server_tower": "server", "edge_server": "server",
    "ai_server_chassis_8gpu": "server", "laptop": "personal", "desktop": "personal",
    "workstation": "personal", "thin_client": "personal",
}  # fmt: skip


def _family(device_class: str) -> str:
    return _FAMILIES.get(device_class, device_class)
