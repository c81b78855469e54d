"""A hook of MkDocs: links from a page to the project's other files become their plain names.

On the project's own pages such a link leads to the file; a site has no such file to lead to.
"""

import re
from typing import Any

_OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?!docs/)[^)]*\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the page with such links as text; those of pages in folders stay."""
    return _OUTSIDE.sub(_named, markdown)


def _named(found: re.Match[str]) -> str:
    target = found[0][found[0].rindex("(") + 1 : -1]
    if target.partition("#")[0].endswith(".md") and not target.endswith(("README.md", "LOG.md")):
        return found[0]
    return found[1]
