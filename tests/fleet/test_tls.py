"""TLS: a server with a certificate of our making, which clients that know its authority accept, and no others."""

import os
import socket
import ssl
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell import App
from tests import postgres
from tests.fleet.fleet import Fleet, wait_for

pytestmark = pytest.mark.anyio


def authority(folder: Path, name: str) -> Path:
    """A certificate authority that nobody knows yet: its certificate; the key is beside it."""
    paper, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-keyout", key, "-out", paper, "-addext", "basicConstraints=critical,CA:TRUE",
         "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        check=True, capture_output=True,
    )  # fmt: skip
    return paper


def certificate(folder: Path, issuer: Path, name: str, host: str) -> tuple[str, str]:
    """A certificate for a host, and its key, as texts."""
    asked, paper, key, more = (folder / f"{name}.{kind}" for kind in ("csr", "crt", "key", "ext"))
    subprocess.run(
        ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", f"/CN={name}", "-keyout", key, "-out", asked],
        check=True, capture_output=True,
    )  # fmt: skip
    more.write_text(f"subjectAltName={host}\nbasicConstraints=CA:FALSE\n", encoding="utf-8")
    subprocess.run(
        ["openssl", "x509", "-req", "-in", asked, "-CA", issuer, "-CAkey", issuer.with_suffix(".key"),
         "-CAcreateserial", "-days", "2", "-extfile", more, "-out", paper],
        check=True, capture_output=True,
    )  # fmt: skip
    return paper.read_text(encoding="utf-8"), key.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our authority, and somebody else's."""
    folder = tmp_path_factory.mktemp("papers")
    authority(folder, "ours")
    authority(folder, "theirs")
    return folder


@pytest.fixture(scope="module")
def server(papers: Path) -> Iterator[postgres.Server]:
    """A server that talks to nobody in the clear."""
    for installation in postgres.installations():
        with postgres.private_server(name=installation.name) as server:
            if server.psql("SHOW ssl_library").strip():
                show(server, papers, "localhost", "DNS:localhost,IP:127.0.0.1")
                yield server
                return
    assert not os.environ.get("CI"), "no PostgreSQL here was built with TLS"
    pytest.skip("no PostgreSQL here was built with TLS: install one of the system's packages")


def show(server: postgres.Server, papers: Path, name: str, host: str) -> None:
    """Let the server have a certificate of our authority for a host."""
    paper, key = certificate(papers, papers / "ours.crt", name, host)
    server.secure(paper, key)
    wait_for(lambda: shown(server.port) == ssl.PEM_cert_to_DER_cert(paper), "it reads its settings again")


def shown(port: int) -> bytes | None:
    """The certificate that a server shows to whoever comes; None as long as it has none."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        plain.sendall(struct.pack("!II", 8, 80877103))
        if plain.recv(1) != b"S":
            return None
        with trusting.wrap_socket(plain) as secure:
            return secure.getpeercert(binary_form=True)


async def test_the_right_authority_is_believed(fleet: Fleet, server: postgres.Server, papers: Path) -> None:
    url = f"{server.url}?schema={postgres.fresh()}&sslmode=verify-full&sslrootcert={papers / 'ours.crt'}"
    async with App(url, mode="client") as client:
        worker = fleet.worker("flows.py", url=url)
        worker.workers()
        assert await (await client.start("order", {"n": 1})).result(timeout=60) == 103

        def connections() -> tuple[int, int]:
            """How many there are, and how many of them are secure."""
            told = server.psql(
                "SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                " WHERE application_name = 'stepwell'"
            )
            total, secure = map(int, told.split("|"))
            return total, secure

        wait_for(lambda: connections()[0] >= 5, "every connection, the listener's and the heart's too")
        total, secure = connections()
        assert total == secure


async def test_another_authority_is_refused(fleet: Fleet, server: postgres.Server, papers: Path) -> None:
    urls = [f"{server.url}?sslmode={mode}&sslrootcert={papers / 'theirs.crt'}" for mode in ("verify-full", "verify-ca")]
    for url in urls:
        refused = fleet.stepwell("db", "init", "-u", url, code=5)
        assert "error[store_unavailable]" in refused
        assert "certificate" in refused
        assert "sslrootcert" in refused, "what to do"
    worker = fleet.worker("flows.py", url=urls[0])
    assert worker.end() == 5, "no other start would help"


async def test_a_certificate_for_another_host_is_refused(fleet: Fleet, server: postgres.Server, papers: Path) -> None:
    show(server, papers, "elsewhere", "DNS:db.example.org")
    try:
        root = f"sslrootcert={papers / 'ours.crt'}"
        refused = fleet.stepwell("db", "init", "-u", f"{server.url}?sslmode=verify-full&{root}", code=5)
        assert "error[store_unavailable]" in refused
        assert "127.0.0.1" in refused
        assert "certificate" in refused
        url = f"{server.url}?schema={postgres.fresh()}&sslmode=verify-ca&{root}"
        assert "schema" in fleet.stepwell("db", "init", "-u", url), "who does not ask for the name, does not mind it"
    finally:
        show(server, papers, "localhost", "DNS:localhost,IP:127.0.0.1")


async def test_in_the_clear_nothing_is_said(fleet: Fleet, server: postgres.Server) -> None:
    refused = fleet.stepwell("db", "init", "-u", f"{server.url}?sslmode=disable", code=5)
    assert "error[store_unavailable]" in refused
    assert "no encryption" in refused


async def test_a_server_without_tls_is_no_secure_one(fleet: Fleet, papers: Path) -> None:
    url = f"{fleet.url}&sslmode=verify-full&sslrootcert={papers / 'ours.crt'}"
    refused = fleet.stepwell("db", "init", "-u", url, code=5)
    assert "error[store_unavailable]" in refused
    assert "SSL" in refused


async def test_a_file_that_is_not_there(fleet: Fleet, server: postgres.Server, papers: Path) -> None:
    url = f"{server.url}?sslmode=verify-full&sslrootcert={papers / 'nobody.crt'}"
    refused = fleet.stepwell("db", "init", "-u", url, code=2)
    assert "error[invalid_option]" in refused
    assert "nobody.crt" in refused
