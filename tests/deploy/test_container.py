"""The Dockerfile and the two small programs in the images."""

from __future__ import annotations

import importlib.util
import re
import shlex
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

import wattgram_agent
from certificates import issue
from daemons import free_port

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy" / "container"
LINES = re.sub(r"\\\n", " ", (CONTAINER / "Dockerfile").read_text()).splitlines()


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, CONTAINER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


enrol_once = loaded("enrol_once")
healthy = loaded("healthy")


def instructions(word: str) -> list[str]:
    return [line.removeprefix(word).strip() for line in LINES if line.startswith(word + " ")]


def test_the_dockerfile_copies_what_is_there_and_what_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    copied = [
        path
        for line in instructions("COPY")
        if not line.startswith("--from")
        for path in shlex.split(line)[:-1]
    ]

    assert "*" in ignored
    assert len(copied) >= 8
    for path in copied:
        assert (ROOT / path).exists(), path
        assert any(path.startswith(one[1:]) for one in ignored if one.startswith("!")), path


def test_the_images_run_the_commands_of_the_package_and_say_its_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    entries = {line.strip('[]"') for line in instructions("ENTRYPOINT")}
    labels = " ".join(instructions("LABEL"))

    assert entries == set(project["scripts"])
    assert f'image.version="{wattgram_agent.__version__}"' in labels
    assert f'image.licenses="{project["license"]}"' in labels
    for extra in re.findall(r'install \S+ "\.\[([\w,]+)\]"', "\n".join(LINES)):
        assert set(extra.split(",")) <= set(project["optional-dependencies"])
    assert f":{project['requires-python'].removeprefix('>=')}-slim" in instructions("ARG")[0]
    assert instructions("FROM")[-2:] == ["common AS agent", "common AS collector"]
    assert instructions("USER") == ["0:0", "10001:10001"]


@contextmanager
def answering(status: int) -> Iterator[str]:
    """Serve /healthz with a status on loopback; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (401, 1)])
def test_the_check_is_good_only_when_the_collector_says_so(
    status: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(status) as address:
        monkeypatch.setenv("WATTGRAM_COLLECTOR__HTTP__ADDRESS", address)
        assert healthy.main([]) == code


def test_the_check_says_what_it_asked_and_that_nobody_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    monkeypatch.setenv("WATTGRAM_COLLECTOR__HTTP__ADDRESS", f"127.0.0.1:{port}")
    assert healthy.main([]) == 1
    assert capsys.readouterr().out == (
        f"healthy: 127.0.0.1:{port}/healthz: no answer and no answer\n"
    )

    monkeypatch.setenv("WATTGRAM_COLLECTOR__HTTP__ADDRESS", "nowhere")
    assert healthy.main([]) == 2


def test_any_address_is_asked_on_loopback() -> None:
    assert healthy.asked("0.0.0.0:9881") == ("127.0.0.1", 9881)
    assert healthy.asked("[::]:1") == ("::1", 1)
    assert healthy.asked("10.0.0.7:80") == ("10.0.0.7", 80)


def test_an_agent_with_a_certificate_in_force_is_not_enrolled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = tmp_path / "tls" / "agent.pem"
    pair.parent.mkdir()
    pair.write_bytes(issue(tmp_path / "issued", "web-1").agent_certificate.read_bytes())
    monkeypatch.setenv("WATTGRAM_AGENT__STATE_DIRECTORY", str(tmp_path))

    assert enrol_once.main([]) == 0
    ends = enrol_once.certificate_ends(pair)
    assert ends > datetime.now(UTC)
    assert f"enrolled until {ends:%Y-%m-%d}" in capsys.readouterr().err


def test_one_whose_certificate_has_ended_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web-1")])
    ended = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 2, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "agent.pem").write_bytes(ended.public_bytes(Encoding.PEM))
    monkeypatch.setenv("WATTGRAM_AGENT__STATE_DIRECTORY", str(tmp_path))

    assert enrol_once.certificate_ends(tmp_path / "tls" / "agent.pem").year == 2020
    assert enrol_once.main([]) == 2
    assert "WATTGRAM_ENROL_COLLECTOR is not set" in capsys.readouterr().err


def test_what_is_missing_for_an_enrolment_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WATTGRAM_AGENT__STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("WATTGRAM_ENROL_SECONDS", "0")

    assert enrol_once.main([]) == 2
    assert "WATTGRAM_ENROL_COLLECTOR is not set" in capsys.readouterr().err

    monkeypatch.setenv("WATTGRAM_ENROL_COLLECTOR", f"https://127.0.0.1:{free_port()}")
    monkeypatch.setenv("WATTGRAM_ENROL_TOKEN_FILE", str(tmp_path / "node-1"))
    assert enrol_once.main([]) == 1
    assert f"no token: {tmp_path / 'node-1'} is not there" in capsys.readouterr().err

    (tmp_path / "node-1").write_text("wge1.not.right\n")
    assert enrol_once.main([]) == 1
    assert "not enrolled" in capsys.readouterr().err

    monkeypatch.setenv("WATTGRAM_ENROL_SECONDS", "-1")
    assert enrol_once.main([]) == 2
    assert "0 to 3600: -1" in capsys.readouterr().err
