"""The copyright file of a package (DEP-5): who wrote what is in it, and on which terms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import PurePosixPath
from typing import Final

from vendoring import is_shipped

HEAD: Final = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: wattgram
Comment: The libraries under usr/lib/wattgram are the wheels that their authors published. Some
 hold further libraries in binary form: grpcio BoringSSL, Abseil, c-ares, RE2 and zlib;
 cryptography OpenSSL; cffi libffi. Their licences are in the files of the licence beside each.

Files: *
Copyright: The Wattgram authors
License: Apache-2.0

License: Apache-2.0
 On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.
"""
LICENCE_FILE: Final = re.compile(r"(?i)(licen[cs]e|copying|notice)")
WRITTEN_BY: Final = re.compile(r"(?im)^\W*(?:copyright\s+(?:\(c\)\s*)?|©\s*)((?:\d{4}|\(c\)).*)$")
FULL_APACHE: Final = re.compile(
    r"^ *Apache License\s+Version 2\.0, January 2004.*?(END OF TERMS AND CONDITIONS\n|\Z)",
    re.MULTILINE | re.DOTALL,
)
IN_COMMON: Final = "The Apache License, version 2.0: /usr/share/common-licenses/Apache-2.0"
CLASSIFIER: Final = "License :: OSI Approved :: "


def copyright_file(libraries: Iterable[metadata.Distribution], folder: str) -> str:
    """Return the text for a package that holds `libraries` in `folder`, without a slash first."""
    return "\n".join([HEAD, *(_stanza(library, folder) for library in libraries)])


def _stanza(library: metadata.Distribution, folder: str) -> str:
    name = f"{library.name}-{library.version}"
    files = "\n ".join(f"{folder}/{top}" for top in tops(library))
    text = licence_text(library)
    said = WRITTEN_BY.findall(text)
    owners = "\n ".join(dict.fromkeys(said)) if said else f"The authors of {library.name}"
    return (
        f"Files: {files}\nCopyright: {owners}\nLicense: {name}\n"
        f"Comment: {library.name} {library.version}, {licence_name(library)}\n\n"
        f"License: {name}\n{_folded(text, library)}\n"
    )


def tops(library: metadata.Distribution) -> list[str]:
    """Return patterns of what is packaged of a library: folders, and modules of one file."""
    files = [path for path in map(PurePosixPath, library.files or ()) if is_shipped(path)]
    return sorted({path.parts[0] + ("/*" if len(path.parts) > 1 else "") for path in files})


def licence_name(library: metadata.Distribution) -> str:
    """Return what the library says of its licence: the expression, a classifier, or the field."""
    about = library.metadata
    classified = [
        one.removeprefix(CLASSIFIER)
        for one in about.get_all("Classifier") or []
        if one.startswith(CLASSIFIER)
    ]
    said = [about.get("License-Expression") or "", *classified]
    said.append((about.get("License") or "").partition("\n")[0])
    return next((one for one in said if one), "see the text")


def licence_text(library: metadata.Distribution) -> str:
    """Return the texts that came with the library, '' where none did."""
    texts = [
        file.read_text()
        for file in library.files or ()
        if ".dist-info" in file.parts[0] and LICENCE_FILE.search(file.name)
    ]
    return FULL_APACHE.sub(f"{IN_COMMON}\n", "\n".join(texts))


def _folded(text: str, library: metadata.Distribution) -> str:
    """Return a text as the value of a field: indented, empty lines as dots."""
    if not text:
        text = f"The library names its licence and brings no text: {licence_name(library)}."
    return "\n".join(f" {line.rstrip()}" if line.strip() else " ." for line in text.splitlines())
