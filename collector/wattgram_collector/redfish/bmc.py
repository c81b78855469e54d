"""One BMC over HTTPS: asked one thing at a time, never where a link leads to another host.

What is asked for, the first that has a number: EnvironmentMetrics, the older Power, the inputs of
all power supplies. What was found is asked for directly until it fails; then it is looked for
again.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import stat
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from wattgram.readings import State
from wattgram_collector.config import RedfishSettings
from wattgram_collector.redfish import resources
from wattgram_collector.redfish.resources import RedfishError, Resource, Sample, said

REQUEST_SECONDS: Final = 10.0
READING_SECONDS: Final = 30.0
ANSWER_BYTES_MAX: Final = 1 << 20
SUPPLIES_MAX: Final = 32
DNS_SECONDS: Final = 300
PASSWORD_BYTES_MAX: Final = 4096

Ask = Callable[[], Awaitable[Sample]]


def client() -> aiohttp.ClientSession:
    """Return the client that all BMCs share: no cookies, nothing is unpacked."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=DNS_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
    )


class Bmc:
    """One BMC. `read` is called by one task only."""

    def __init__(
        self,
        settings: RedfishSettings,
        session: aiohttp.ClientSession,
        *,
        request_seconds: float = REQUEST_SECONDS,
        reading_seconds: float = READING_SECONDS,
    ) -> None:
        self._settings = settings
        self._session = session
        self._origin = URL(settings.url).origin()
        self._request_timeout = aiohttp.ClientTimeout(total=request_seconds)
        self._reading_seconds = reading_seconds
        self._trust: ssl.SSLContext | aiohttp.Fingerprint | bool | None = None
        self._authorization = ""
        self._ask: Ask | None = None
        self._believes_register = True

    async def read(self) -> Sample:
        """Return what the chassis draws or has drawn; raises RedfishError."""
        ask, self._ask = self._ask, None
        try:
            async with asyncio.timeout(self._reading_seconds):
                self._prepare()
                ask = ask or await self._find()
                sample = await ask()
        except TimeoutError:
            raise RedfishError(f"no reading in {self._reading_seconds:g} s", "timeout") from None
        self._ask = ask
        return sample

    def distrust_register(self) -> None:
        """Never read the energy register again: it stands still."""
        self._believes_register = False
        self._ask = None

    # ── what to ask for ──────────────────────────────────────────────────────────────────

    async def _find(self) -> Ask:
        root = await self._get(resources.ROOT)
        path = _linked(root, "Chassis", resources.ROOT)
        chassis_path = resources.chosen(
            resources.members(await self._get(path), path), path, self._settings.chassis
        )
        chassis = await self._get(chassis_path)
        problems = []
        for find in (self._find_environment, self._find_control, self._find_supplies):
            try:
                return await find(chassis, chassis_path)
            except RedfishError as error:
                if error.reason not in {"unreadable", "implausible"}:
                    raise
                problems.append(str(error))
        raise RedfishError("; ".join(problems))

    async def _find_environment(self, chassis: Resource, at: str) -> Ask:
        path = _linked(chassis, "EnvironmentMetrics", at)

        async def energy() -> Sample:
            return resources.environment_energy(await self._get(path), path)

        async def power() -> Sample:
            return resources.environment_power(await self._get(path), path)

        found = await self._get(path)
        if self._believes_register and resources.is_fine(found):
            return energy
        resources.environment_power(found, path)
        return power

    async def _find_control(self, chassis: Resource, at: str) -> Ask:
        path = _linked(chassis, "Power", at)

        async def power() -> Sample:
            return resources.control_power(await self._get(path), path)

        await power()
        return power

    async def _find_supplies(self, chassis: Resource, at: str) -> Ask:
        subsystem_path = _linked(chassis, "PowerSubsystem", at)
        subsystem = await self._get(subsystem_path)
        path = _linked(subsystem, "PowerSupplies", subsystem_path)

        async def power() -> Sample:
            # Every time from the bays: one that is filled later must not be missed.
            bays = resources.members(await self._get(path), path)
            if len(bays) > SUPPLIES_MAX:
                raise RedfishError(f"{path}: {len(bays)} power supplies")
            supplies = []
            for bay in bays:
                supply = await self._get(bay)
                if resources.state_of(supply) != "Absent":
                    metrics = _linked(supply, "Metrics", bay)
                    supplies.append(resources.supply_power(await self._get(metrics), metrics))
            return resources.together(supplies, path)

        await power()
        return power

    # ── asking ───────────────────────────────────────────────────────────────────────────

    def _prepare(self) -> None:
        """Read what the configuration names, each time: a password or a certificate changes."""
        settings = self._settings
        if settings.password_file is not None:
            account = f"{settings.username}:{read_password(settings.password_file)}"
            self._authorization = f"Basic {b64encode(account.encode()).decode()}"
        if self._trust is None:
            self._trust = trust(settings)

    async def _get(self, path: str) -> Resource:
        url = self._origin.join(URL(path, encoded=True))
        if url.origin() != self._origin:
            raise RedfishError(f"{said(path)} leads to another host")
        try:
            async with self._session.get(
                url,
                headers={"Authorization": self._authorization},
                ssl=True if self._trust is None else self._trust,
                allow_redirects=False,
                timeout=self._request_timeout,
            ) as answer:
                _require_ok(answer.status, path)
                body = await _limited(answer.content, path)
        except TimeoutError:
            raise RedfishError(f"{path}: no answer", "timeout") from None
        except aiohttp.ServerFingerprintMismatch as error:
            raise RedfishError(
                f"the BMC's certificate has fingerprint {error.got.hex()}, not the one configured"
            ) from None
        except aiohttp.ClientSSLError as error:
            raise RedfishError(f"TLS: {said(str(error.__cause__ or error))}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise RedfishError(f"{path}: {said(str(error) or type(error).__name__)}") from None
        return resources.parse(body, path)


def read_password(path: Path) -> str:
    """Return what the file holds, less the line's end; raises RedfishError."""
    denied = ("permission_denied", State.PERMISSION_DENIED)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise RedfishError(f"password_file {path}: {error.strerror}", *denied) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise RedfishError(f"password_file {path}: not a file", *denied)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise RedfishError(
                f"password_file {path}: mode {stat.S_IMODE(mode):04o}: chmod 600 {path}", *denied
            )
        content = os.read(descriptor, PASSWORD_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    try:
        password = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        password = ""
    if not password or len(content) > PASSWORD_BYTES_MAX:
        raise RedfishError(f"password_file {path}: no password in it", *denied)
    return password


def trust(settings: RedfishSettings) -> ssl.SSLContext | aiohttp.Fingerprint | bool:
    """Return how the BMC is known: a pin, a CA, the system's CAs, or, if said, not at all."""
    if settings.fingerprint:
        return aiohttp.Fingerprint(settings.fingerprint_bytes)
    if settings.ca_file is None:
        return not settings.insecure
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise RedfishError(f"ca_file {settings.ca_file}: {error.strerror}") from None


def _linked(resource: Resource, name: str, at: str) -> str:
    path = resources.link(resource, name)
    if path is None:
        raise RedfishError(f"{at}: no {name}")
    return path


def _require_ok(status: int, path: str) -> None:
    if status in {401, 403}:
        raise RedfishError(
            f"{path}: HTTP {status}: the account is refused, or may not read this",
            "permission_denied",
            State.PERMISSION_DENIED,
        )
    if status != 200:  # noqa: PLR2004
        raise RedfishError(f"{path}: HTTP {status}")


async def _limited(content: aiohttp.StreamReader, path: str) -> bytes:
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise RedfishError(f"{path}: more than {ANSWER_BYTES_MAX} bytes")
    return bytes(body)
