"""Renewal before expiry: a child process gets the next certificate, the agent takes it up.

The child exists so that the library which makes keys is never in the agent's memory. Two thirds
into a certificate's life the first try falls due, spread over a sixth of it so that a fleet that
was enrolled together does not renew together; what fails is tried again with full jitter.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import grpc

from wattgram.certificates import (
    RENEW_METHOD,
    CertificateMessageError,
    Issued,
    encode_renewal,
)
from wattgram.private import read_private
from wattgram.units import SECONDS_PER_DAY
from wattgram_agent import tls_files
from wattgram_agent.config import AgentConfig

LOG: Final = logging.getLogger("wattgram.tls")
ANSWER_SECONDS: Final = 20.0
CHILD_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 3600.0
"""How long to sleep at most: the clock may be set, and `enroll` may be typed."""
RETRY_SECONDS_MIN: Final = 60.0
RETRY_SECONDS_MAX: Final = 3600.0
_COMPLAINT_BYTES_MAX: Final = 4_096
_CHILD: Final = (
    "import os, sys; sys.path[:] = sys.argv.pop(1).split(os.pathsep); "
    "from wattgram_agent.__main__ import main; sys.exit(main())"
)
"""The agent finds itself where its parent did: in a package or a zip file, too."""
_EXPIRED: Final = (
    "certificate_expired agent_id=%s: the collector lets it in no more, what is measured waits in "
    "the spool; enrol again (wattgram-collector enroll %s)"
)


class RenewalError(OSError):
    """No new certificate; the text says why."""


# ── when ─────────────────────────────────────────────────────────────────────────────────


def due_unix_seconds(validity: tls_files.Validity, jitter: float) -> float:
    """PURE. Return when to renew: two thirds into the life, and up to a sixth later."""
    return validity.issued_unix_seconds + validity.lifetime_seconds * (2 / 3 + jitter / 6)


def retry_seconds(failures: int, lifetime_seconds: float, jitter: float) -> float:
    """PURE. Full jitter: anything up to a growing time, an hour or a twentieth of the life."""
    ceiling = min(RETRY_SECONDS_MAX, RETRY_SECONDS_MIN * float(1 << min(failures - 1, 16)))
    return min(ceiling, lifetime_seconds / 20) * jitter


class Renewer:
    """Keeps one directory's certificate in force."""

    def __init__(
        self,
        directory: Path,
        renew: Callable[[], Awaitable[None]],
        renewed: Callable[[], None],
        *,
        unix_seconds: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`renew` raises RenewalError; `renewed` is called when new files are in place."""
        self._directory = directory
        self._renew = renew
        self._renewed = renewed
        self._unix_seconds = unix_seconds
        self._jitter = jitter
        self._place = jitter()
        self._failures = 0
        self._has_said_expired = False

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            wait_seconds = await self.step()
            await asyncio.sleep(wait_seconds)

    async def step(self) -> float:
        """Renew if it is time; return after how many seconds to look again."""
        validity = tls_files.validity(self._directory)
        if validity is None:  # not enrolled, or not by us: delivery says what is missing
            return LOOK_SECONDS
        now = self._unix_seconds()
        if now >= validity.expires_unix_seconds:
            self._say_expired(validity)
            return LOOK_SECONDS
        due = due_unix_seconds(validity, self._place)
        if now < due:
            return min(due - now, LOOK_SECONDS)
        try:
            await self._renew()
        except RenewalError as error:
            if not self._failures:
                days = (validity.expires_unix_seconds - now) / SECONDS_PER_DAY
                LOG.warning("certificate_not_renewed days_left=%.2f reason=%r", days, str(error))
            self._failures += 1
            left = validity.expires_unix_seconds - now
            wait = retry_seconds(self._failures, validity.lifetime_seconds, self._jitter())
            return min(max(wait, 1.0), left)
        self._failures, self._place, self._has_said_expired = 0, self._jitter(), False
        LOG.info("certificate_renewed directory=%s", self._directory)
        self._renewed()
        return 1.0

    def _say_expired(self, validity: tls_files.Validity) -> None:
        if not self._has_said_expired:
            LOG.error(_EXPIRED, validity.agent_id, validity.agent_id)
        self._has_said_expired = True


async def renew_in_child(directory: Path, address: str) -> None:
    """Run `wattgram-agent renew` and wait for it; raises RenewalError."""
    arguments = ("-c", _CHILD, os.pathsep.join(sys.path), "renew", "--directory", str(directory))
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            "--collector",
            address,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise RenewalError(f"{sys.executable}: {error.strerror}") from error
    try:
        _, complaint = await asyncio.wait_for(child.communicate(), CHILD_SECONDS)
    except TimeoutError as error:
        raise RenewalError(f"no end within {CHILD_SECONDS:.0f} s") from error
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
    if child.returncode:
        lines = complaint[-_COMPLAINT_BYTES_MAX:].decode(errors="replace").strip().splitlines()
        raise RenewalError(lines[-1] if lines else f"it ended with {child.returncode}")


# ── in the child ─────────────────────────────────────────────────────────────────────────


def command(config: AgentConfig, options: argparse.Namespace) -> int:
    """Renew now, whether or not it is time; raises RenewalError and OSError."""
    from wattgram.owner import as_owner_of

    directory: Path = options.directory or config.tls.directory or config.tls_directory
    with as_owner_of(directory):
        issued = renew(directory, options.collector or config.collector.address)
    left_days = (issued.expires_unix_seconds - issued.issued_unix_seconds) / SECONDS_PER_DAY
    print(f"agent {issued.agent_id}: a new certificate, good for {left_days:.3g} days")
    return 0


def renew(directory: Path, address: str) -> Issued:
    """Get the next certificate with the one in `directory`, and put it in its place.

    Raises RenewalError and OSError; the files are then as they were.
    """
    from wattgram_agent.key_pair import KeyPair

    key = KeyPair()
    pair = read_private(directory / tls_files.PAIR_FILE)
    authority = (directory / tls_files.AUTHORITY_FILE).read_bytes()
    credentials = grpc.ssl_channel_credentials(authority, pair, pair)
    with grpc.secure_channel(address, credentials) as channel:
        call: Any = channel.unary_unary(RENEW_METHOD)
        try:
            answer = call(encode_renewal(key.request_der), timeout=ANSWER_SECONDS)
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            raise RenewalError(f"{address}: {code.name}: {details}") from error
    try:
        issued = Issued.decode(answer)
        key.require_own(issued)
    except (CertificateMessageError, ValueError) as error:
        raise RenewalError(f"{address}: {error}") from error
    tls_files.write(directory, key.pem, issued)
    return issued
