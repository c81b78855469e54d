"""TLS of the HTTP side: a certificate and its key, and putting new ones in their place."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from wattgram_collector.access.credentials_file import CredentialsError, read_guarded

_KEY_BYTES_MAX: Final = 64 * 1024


class TlsError(Exception):
    """The certificate cannot be used; the text names the file and what is wrong."""


def server_context(certificate_file: Path, key_file: Path) -> ssl.SSLContext:
    """Return a context of TLS 1.2 or newer; raises TlsError. A key with a password is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, certificate_file, key_file)
    return context


def renew(context: ssl.SSLContext, certificate_file: Path, key_file: Path) -> None:
    """Use the files as they are now for connections from now on; raises TlsError and changes
    nothing where they do not fit.
    """
    server_context(certificate_file, key_file)
    _load(context, certificate_file, key_file)


def _load(context: ssl.SSLContext, certificate_file: Path, key_file: Path) -> None:
    try:
        read_guarded(key_file, _KEY_BYTES_MAX)
        certificate_file.open("rb").close()
        # An empty password, so that nobody is asked for one at a terminal.
        context.load_cert_chain(certificate_file, key_file, password=lambda: "")
    except ssl.SSLError as error:
        raise TlsError(f"{certificate_file}, {key_file}: {error.reason or error}") from error
    except CredentialsError as error:
        raise TlsError(str(error)) from error
    except OSError as error:
        raise TlsError(f"{error.filename}: {error.strerror}") from error
