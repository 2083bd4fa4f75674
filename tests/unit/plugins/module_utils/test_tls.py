# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS: the servers that a connection trusts, its own certificate, and the messages for untrusted servers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests
import trustme
from ansible_collections.simops.yateota.plugins.module_utils._api import transport
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import (
    InvalidInputError,
    TransportError,
    YateotaError,
)
from ansible_collections.simops.yateota.tests.unit.plugins.servers import Connect, StartSandbox
from cryptography.hazmat.primitives import serialization

from yateota_sandbox import Sandbox

PAUSE = {"campaign_id": 144, "action": "pause"}
COUNT = ("query_participants", {"campaign_id": 167})


@pytest.fixture(name="stranger")
def _stranger(tmp_path: Path) -> str:
    """The certificate of a CA that signed no one's."""
    path = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return str(path)


def test_ca_path_is_a_file(connect: Connect, tls_sandbox: Sandbox) -> None:
    client = connect(tls_sandbox, ca_path=str(tls_sandbox.ca_path))
    assert client.call(*COUNT) == {"count": "80"}
    client.call("action_campaign", PAUSE)
    assert len({entry["connection"] for entry in tls_sandbox.journal()}) == 1


def test_ca_path_is_a_hashed_folder(connect: Connect, tls_sandbox: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "authorities"
    folder.mkdir()
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(tls_sandbox.ca_path)]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    assert tls_sandbox.ca_path is not None
    (folder / f"{name}.0").write_bytes(tls_sandbox.ca_path.read_bytes())
    assert connect(tls_sandbox, ca_path=str(folder)).call(*COUNT) == {"count": "80"}


def test_ca_path_replaces_the_systems_trust_store(
    connect: Connect, tls_sandbox: Sandbox, stranger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_sandbox.ca_path))
    with pytest.raises(TransportError, match="certificate is refused"):
        connect(tls_sandbox, ca_path=stranger).call(*COUNT)


def test_without_ca_path_the_systems_trust_store_counts(
    connect: Connect, tls_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_sandbox.ca_path))
    assert connect(tls_sandbox).call(*COUNT) == {"count": "80"}


def test_the_bundle_of_requests_does_not_count(
    connect: Connect, tls_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls_sandbox.ca_path))
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(tls_sandbox.ca_path))
    with pytest.raises(TransportError, match="certificate is refused"):
        connect(tls_sandbox).call(*COUNT)


def test_an_unknown_ca_is_said_at_once(connect: Connect, tls_sandbox: Sandbox, pauses: list[float]) -> None:
    with pytest.raises(TransportError) as error:
        connect(tls_sandbox).call("action_campaign", PAUSE)
    text = str(error.value)
    assert f"cannot reach {tls_sandbox.url} (the server's certificate is refused: " in text
    assert text.endswith("if its CA is not known here, set ca_path to the CA's certificate.")
    assert pauses == []
    assert tls_sandbox.journal() == []


def test_another_hosts_certificate(connect: Connect, start_sandbox: StartSandbox) -> None:
    elsewhere = start_sandbox(tls=True, host="127.0.0.2")
    with pytest.raises(TransportError, match=r"certificate is refused: IP address mismatch.*Check its host name"):
        connect(elsewhere, ca_path=str(elsewhere.ca_path)).call(*COUNT)


def test_validate_certs_false_trusts_anyone(connect: Connect, tls_sandbox: Sandbox, stranger: str) -> None:
    for ca_path in (None, stranger):
        assert connect(tls_sandbox, validate_certs=False, ca_path=ca_path).call(*COUNT) == {"count": "80"}


def test_a_server_without_tls(connect: Connect, sandbox: Sandbox, pauses: list[float]) -> None:
    """The handshake fails, so not even a write was sent: it is tried again, and is an error of the network."""
    with pytest.raises(TransportError, match="cannot reach https:"):
        connect(sandbox.url.replace("http:", "https:")).call("action_campaign", PAUSE)
    assert len(pauses) == 2
    assert sandbox.writes() == []


class Guest:
    """A client certificate in files: `cert`, `key`, both in one (`both`), and `locked`, the key under a passphrase."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.authority = folder / "guests.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        issued = authority.issue_cert("automation@example.org")
        paths = [folder / name for name in ("cert.pem", "key.pem", "both.pem", "locked.pem")]
        self.cert, self.key, self.both, self.locked = map(str, paths)
        issued.cert_chain_pems[0].write_to_path(self.cert)
        issued.private_key_pem.write_to_path(self.key)
        issued.private_key_and_cert_chain_pem.write_to_path(self.both)
        key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
        paths[3].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"open sesame"),
            )
        )


@pytest.fixture(name="guest")
def _guest(tmp_path: Path) -> Guest:
    return Guest(tmp_path)


@pytest.fixture(name="choosy")
def _choosy(start_sandbox: StartSandbox, guest: Guest, tmp_path: Path) -> Sandbox:
    """A server that asks for a client certificate."""
    return start_sandbox(tls=True, ca_dest=tmp_path / "ca.pem", client_ca=guest.authority)


def test_client_certificate(connect: Connect, choosy: Sandbox, guest: Guest) -> None:
    ca_path = str(choosy.ca_path)
    for files in ({"client_cert": guest.cert, "client_key": guest.key}, {"client_cert": guest.both}):
        assert connect(choosy, ca_path=ca_path, **files).call(*COUNT) == {"count": "80"}


def test_without_a_client_certificate(connect: Connect, choosy: Sandbox) -> None:
    client = connect(choosy, ca_path=str(choosy.ca_path), retries=0)
    for call in (COUNT, ("action_campaign", PAUSE)):
        with pytest.raises(YateotaError):
            client.call(*call)
    assert choosy.journal() == []


def test_a_key_under_a_passphrase_asks_for_nothing_on_the_terminal(guest: Guest) -> None:
    """OpenSSL would ask, and a job would hang: here it runs on a terminal of its own."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        f"from {transport.__name__} import Connection, Transport\n"
        "Transport(Connection('https://x/api.php', client_cert=sys.argv[2], client_key=sys.argv[3]))"
    )
    root = str(Path(transport.__file__).resolve().parents[6])
    inner = [sys.executable, "-c", code, root, guest.cert, guest.locked]
    on_a_terminal = [sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])", *inner]
    said = subprocess.run(
        on_a_terminal, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL, check=False
    ).stdout
    assert "the key without a passphrase" in said
    assert "Enter PEM pass phrase" not in said


def test_files_that_cannot_be_used(connect: Connect, tls_sandbox: Sandbox, guest: Guest, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    missing = str(tmp_path / "missing.pem")
    for options, words in (
        ({"ca_path": missing}, f"ca_path '{missing}' cannot be used .*: give a readable file or folder"),
        ({"ca_path": str(empty)}, f"ca_path '{empty}' cannot be used"),
        ({"client_cert": missing}, f"client_cert '{missing}' with client_key 'None' cannot be used"),
        (
            {"client_cert": guest.cert, "client_key": guest.locked},
            f"'{guest.locked}' .*without a passphrase",
        ),
        ({"client_cert": guest.cert, "client_key": str(empty)}, f"client_key '{empty}' cannot be used"),
        ({"client_cert": guest.cert}, f"client_cert '{guest.cert}'.*: give readable PEM files"),
    ):
        with pytest.raises(InvalidInputError, match=words) as error:
            connect(tls_sandbox, **options)
        assert str(error.value).endswith(".")
