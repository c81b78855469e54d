"""A BMC on loopback: a real HTTPS server that answers Redfish as it is told to, or worse."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certificates import Certificates, issue
from wattgram_collector.config import RedfishSettings

USER, PASSWORD = "reader", "pässword:1"
CHASSIS = "/redfish/v1/Chassis/1U"


def resource(path: str, **values: Any) -> dict[str, Any]:
    return {"@odata.id": path, **values}


def links(**targets: str) -> dict[str, dict[str, str]]:
    return {name: {"@odata.id": target} for name, target in targets.items()}


def reading(value: Any) -> dict[str, Any]:
    return {"Reading": value, "DataSourceUri": "/redfish/v1/Chassis/1U/Sensors/One"}


class FakeBmc:
    """`tree` is what each path answers: JSON, the bytes of a body, or a whole response."""

    def __init__(self, certificates: Certificates, directory: Path) -> None:
        self.certificates = certificates
        self.tree: dict[str, Any] = {
            "/redfish/v1/": resource("/redfish/v1/", **links(Chassis="/redfish/v1/Chassis")),
            "/redfish/v1/Chassis": resource(
                "/redfish/v1/Chassis", Members=[{"@odata.id": CHASSIS}]
            ),
        }
        self.offers()
        self.password = PASSWORD
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0
        self.hangs = False
        self.status = 200
        self.port = 0
        self._go_on = asyncio.Event()
        self._password_file = directory / "password"
        self.write_password(PASSWORD)

    def write_password(self, text: str, mode: int = 0o600) -> Path:
        self._password_file.write_text(f"{text}\n", encoding="utf-8")
        self._password_file.chmod(mode)
        return self._password_file

    # ── what it offers ───────────────────────────────────────────────────────────────────

    def offers(self, **targets: str) -> None:
        self.tree[CHASSIS] = resource(CHASSIS, Id="1U", **links(**targets))

    def has_environment(self, watts: Any = None, kilowatt_hours: Any = None) -> None:
        path = f"{CHASSIS}/EnvironmentMetrics"
        excerpts = {"PowerWatts": watts, "EnergykWh": kilowatt_hours}
        self.tree[path] = resource(
            path, **{name: reading(one) for name, one in excerpts.items() if one is not None}
        )
        self.offers(EnvironmentMetrics=path)

    def has_control(self, *watts: Any) -> None:
        path = f"{CHASSIS}/Power"
        self.tree[path] = resource(
            path,
            PowerControl=[
                {"MemberId": str(number), "PowerConsumedWatts": one}
                for number, one in enumerate(watts)
            ],
        )
        self.offers(Power=path)

    def has_supplies(self, *watts: Any) -> None:
        """None is an empty bay."""
        subsystem = f"{CHASSIS}/PowerSubsystem"
        bays = f"{subsystem}/PowerSupplies"
        self.offers(PowerSubsystem=subsystem)
        self.tree[subsystem] = resource(subsystem, **links(PowerSupplies=bays))
        members = []
        for number, one in enumerate(watts):
            bay = f"{bays}/Bay{number}"
            members.append({"@odata.id": bay})
            state = {"State": "Absent" if one is None else "Enabled"}
            metrics = {} if one is None else links(Metrics=f"{bay}/Metrics")
            self.tree[bay] = resource(bay, Status=state, **metrics)
            self.tree[f"{bay}/Metrics"] = resource(bay, InputPowerWatts=reading(one))
        self.tree[bays] = resource(bays, Members=members)

    # ── how it is reached ────────────────────────────────────────────────────────────────

    @property
    def fingerprint(self) -> str:
        certificate = x509.load_pem_x509_certificate(
            self.certificates.server_certificate.read_bytes()
        )
        return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()

    def settings(self, **changes: Any) -> RedfishSettings:
        values = {
            "url": f"https://127.0.0.1:{self.port}",
            "username": USER,
            "password_file": self._password_file,
            "ca_file": self.certificates.authority,
        }
        return RedfishSettings(**{**values, **changes})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.hangs:
                await self._go_on.wait()
            return self._answer(request)
        finally:
            self.at_once -= 1

    def _answer(self, request: web.Request) -> web.StreamResponse:
        known = b64encode(f"{USER}:{self.password}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {known}":
            return web.Response(status=401)
        found = self.tree.get(request.raw_path)
        if self.status != 200 or found is None:
            return web.Response(status=404 if found is None else self.status)
        if isinstance(found, bytes):
            return web.Response(body=found, content_type="application/json")
        if callable(found):
            answer: web.StreamResponse = found()
            return answer
        return web.json_response(found)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeBmc]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificates.server_certificate, self.certificates.server_key)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            self._go_on.set()
            await runner.cleanup()


@asynccontextmanager
async def fake_bmc(directory: Path) -> AsyncIterator[FakeBmc]:
    """A BMC whose chassis offers nothing yet."""
    async with FakeBmc(issue(directory / "tls", "bmc"), directory).serving() as bmc:
        yield bmc
