"""A page of HTML as a tree, with the standard library's parser: for tests that walk in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "input", "br", "img"}


@dataclass(slots=True, eq=False)
class Element:
    """One element: its text is in `children` as str."""

    name: str
    attributes: dict[str, str]
    parent: Element | None
    children: list[Element | str] = field(default_factory=list)

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())

    @property
    def text(self) -> str:
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    def all(self) -> Iterator[Element]:
        """Yield this and all below it."""
        yield self
        for one in self.children:
            if isinstance(one, Element):
                yield from one.all()

    def of(self, *classes: str) -> list[Element]:
        return [one for one in self.all() if one.classes.issuperset(classes)]

    def named(self, name: str) -> list[Element]:
        return [one for one in self.all() if one.name == name]

    def above(self) -> Iterator[Element]:
        """Yield this and all around it, the nearest first."""
        at: Element | None = self
        while at is not None:
            yield at
            at = at.parent

    def texts(self) -> Iterator[tuple[Element, str]]:
        """Yield every piece of text with the element that it stands in."""
        for one in self.all():
            for child in one.children:
                if isinstance(child, str):
                    yield one, child


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {}, None)
        self._at = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = Element(tag, {key: value or "" for key, value in attrs}, self._at)
        self._at.children.append(found)
        if tag not in _VOID:
            self._at = found

    def handle_endtag(self, tag: str) -> None:
        if self._at.name != tag:
            raise ValueError(f"</{tag}> closes <{self._at.name}>")
        assert self._at.parent is not None
        self._at = self._at.parent

    def handle_data(self, data: str) -> None:
        self._at.children.append(data)


def read(page: str) -> Element:
    """Return the tree of a page; raises ValueError where elements are not closed in order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    if reader._at is not reader.root:
        raise ValueError(f"<{reader._at.name}> is not closed")
    return reader.root
