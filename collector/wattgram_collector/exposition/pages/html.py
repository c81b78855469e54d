"""PURE. HTML that is safe by how it is built: what is not Html is text, and is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final


class Html(str):
    """Markup that was built here."""

    __slots__ = ()


Content = str | Html | None
Attribute = str | int | float | bool | None
_VOID: Final = frozenset({"meta", "link", "input", "br"})
EMPTY: Final = Html("")


def text(content: Content) -> str:
    """Return content as markup: Html as it is, a str escaped, None as nothing."""
    if content is None:
        return ""
    return content if isinstance(content, Html) else escape(content)


def join(contents: Iterable[Content], between: str = "") -> Html:
    """Return all of them as one."""
    return Html(escape(between).join(map(text, contents)))


def tag(name: str, /, *inside: Content, **attributes: Attribute) -> Html:
    """Return one element. `class_` is class, `data_x` is data-x; True is a bare attribute, None
    and False are none.
    """
    shown = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{_quoted(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{shown}>")
    return Html(f"<{name}{shown}>{''.join(map(text, inside))}</{name}>")


def _quoted(value: Attribute) -> str:
    return escape(value if type(value) is str else str(value))
