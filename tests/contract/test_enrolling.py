"""The agent's side of enrolment against a collector whose HTTPS another authority vouches for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from certificates import Certificates, issue
from collector_fakes import configured
from house import House
from wattgram_agent import tls_files
from wattgram_agent.config import AgentConfig
from wattgram_agent.enrolment import EnrolmentError, enrol
from wattgram_collector.access import authority_files
from wattgram_collector.config import AccessSettings, HttpSettings
from wattgram_collector.daemon import serving
from wattgram_collector.ledger.sqlite import SqliteLedger


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """What vouches for the HTTPS side, as a public authority would."""
    return issue(tmp_path_factory.mktemp("public"), "nobody")


@pytest.fixture
async def house(tmp_path: Path, public: Certificates) -> AsyncIterator[House]:
    authority_files.init(tmp_path / "ca", int(time.time()))
    config = configured(
        tmp_path,
        access=AccessSettings(directory=tmp_path / "ca", enrolment=True),
        http=HttpSettings(
            address="127.0.0.1:0",
            certificate_file=public.server_certificate,
            key_file=public.server_key,
        ),
    )
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as ledger:
        async with serving(config, ledger) as (grpc_port, http_port):
            yield House(tmp_path, grpc_port, http_port)


async def asked(house: House, host: str, token: str, https_ca: Path | None) -> Path:
    """Enrol as the command does; return where the certificate is. Raises EnrolmentError."""
    state = house.directory / "agent"
    config = AgentConfig(state_directory=state)
    url = f"https://{host}:{house.http_port}"
    await asyncio.to_thread(enrol, config, url, token, state / "tls", https_ca)
    return state / "tls"


async def test_https_ca_names_who_vouches_for_the_https_side(
    house: House, public: Certificates
) -> None:
    directory = await asked(house, "127.0.0.1", str(house.token()), public.authority)
    validity = tls_files.validity(directory)
    assert validity is not None
    assert validity.agent_id == "agent-1"
    # What it trusts from then on is its own authority, not that of the HTTPS side.
    assert (directory / "ca.pem").read_bytes() == house.authority.certificate_pem


@pytest.mark.parametrize("which", ["none", "stranger", "other name"])
async def test_the_token_is_not_told_to_a_side_that_nobody_vouches_for(
    house: House, public: Certificates, tmp_path: Path, which: str
) -> None:
    """Its secret stays good: it was never sent."""
    strangers = issue(tmp_path / "strangers", "nobody").authority
    authority = {"none": None, "stranger": strangers, "other name": public.authority}[which]
    host = "localhost" if which == "other name" else "127.0.0.1"
    token = str(house.token())
    with pytest.raises(EnrolmentError, match=r"(?i)certificate verify failed"):
        await asked(house, host, token, authority)
    assert not (tmp_path / "agent" / "tls").exists()
    assert house.register.certificates() == []
    await asked(house, "127.0.0.1", token, public.authority)


async def test_a_file_that_vouches_for_nobody_is_named(house: House, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"nowhere\.pem: No such file"):
        await asked(house, "127.0.0.1", str(house.token()), tmp_path / "nowhere.pem")
    (tmp_path / "empty.pem").touch()
    with pytest.raises(OSError, match=r"empty\.pem: no certificate"):
        await asked(house, "127.0.0.1", str(house.token()), tmp_path / "empty.pem")
