"""PURE. XML from outside to a tree: no document type, no entities, nothing fetched.

Entities exist only where a document type declares them, so a text without one cannot expand.
It is read as UTF-8 whatever it says of itself, lest the declaration hide in another encoding;
and without a NUL, which would make the parser take it for UTF-16 after all.
"""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, ParseError, XMLParser

from wattgram_collector.intensities.providers.reading import invalid

BYTES_MAX: Final = 1 << 23


def root(body: bytes) -> Element:
    """Return the root element; raises ProviderError for anything but plain XML of some size."""
    if len(body) > BYTES_MAX:
        raise invalid(f"the answer has more than {BYTES_MAX} bytes")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise invalid("the answer is not UTF-8") from None
    if "\0" in text or "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise invalid("the answer has a document type, or a NUL that might hide one")
    parser = XMLParser(encoding="utf-8")  # noqa: S314 -- see above
    try:
        parser.feed(text.encode())
        found: Element = parser.close()
    except (ParseError, ValueError):
        raise invalid("the answer is not XML") from None
    return found


def name(element: Element) -> str:
    """Return the tag without its namespace."""
    return element.tag.rpartition("}")[2]


def children(element: Element, wanted: str) -> list[Element]:
    return [child for child in element if name(child) == wanted]


def text(element: Element, *path: str) -> str | None:
    """Return the text at the path, less the space around it; None where there is none."""
    for wanted in path:
        found = next((child for child in element if name(child) == wanted), None)
        if found is None:
            return None
        element = found
    return (element.text or "").strip()
