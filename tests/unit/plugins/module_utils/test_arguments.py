# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection's options: what they become, and what is said of those that cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.simops.yateota.plugins.module_utils._ansible.arguments import connection, url_passwords
from ansible_collections.simops.yateota.plugins.module_utils._ansible.connection_arguments import CONNECTION_ARGUMENTS
from ansible_collections.simops.yateota.plugins.module_utils._api.transport import Connection
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._core.url_secrets import without_secrets

URL = "https://ota.example.net/api.php"


def connect(**options: Any) -> Connection:
    """The connection that these options make, after Ansible's own validation."""
    validated = ArgumentSpecValidator(CONNECTION_ARGUMENTS).validate({"api_url": URL} | options)
    assert not validated.error_messages
    return connection(validated.validated_parameters)


def test_defaults_are_those_of_a_connection() -> None:
    assert connect() == Connection(api_url=URL)


def test_the_environment_gives_what_the_task_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        "API_URL": "http://there.example",
        "API_SECRET": "s",
        "NODE": "ota2",
        "VALIDATE_CERTS": "no",
        "CA_PATH": "/ca",
        "CLIENT_CERT": "/cert",
        "CLIENT_KEY": "/key",
        "TIMEOUT": "7.5",
        "RETRIES": "5",
        "USE_PROXY": "false",
    }
    for name, value in environment.items():
        monkeypatch.setenv(f"YATEOTA_{name}", value)
    validated = ArgumentSpecValidator(CONNECTION_ARGUMENTS).validate({"retries": 6})
    assert connection(validated.validated_parameters) == Connection(
        api_url="http://there.example/api.php",
        api_secret="s",
        node="ota2",
        validate_certs=False,
        ca_path="/ca",
        client_cert="/cert",
        client_key="/key",
        timeout=7.5,
        retries=6,
        use_proxy=False,
    )


def test_the_secret_is_hidden_by_ansible() -> None:
    assert ArgumentSpecValidator(CONNECTION_ARGUMENTS).validate({"api_url": URL, "api_secret": "s"})._no_log_values == {
        "s"
    }


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://h", "https://h/api.php"),
        ("https://h/", "https://h/api.php"),
        ("HTTPS://h:8443", "https://h:8443/api.php"),
        (" http://h/api.php ", "http://h/api.php"),
        ("http://h/sub/other.php", "http://h/sub/other.php"),
        ("http://[::1]:80", "http://[::1]/api.php"),
        ("http://[0:0::1]:8080/", "http://[::1]:8080/api.php"),
        ("http://bücher.example", "http://bücher.example/api.php"),
        ("https://OTA.Example.NET:443//sub///Api.php//", "https://ota.example.net/sub/Api.php"),
        ("https://h:80/", "https://h:80/api.php"),
        ("http://h:443/", "http://h:443/api.php"),
        ("http://h:/api.php", "http://h/api.php"),
        ("http://h//", "http://h/api.php"),
        ("http://h/folder/", "http://h/folder/"),
        ("http://h/v1.2/folder//", "http://h/v1.2/folder/"),
        ("http://h/folder", "http://h/folder"),
    ],
)
def test_api_url(given: str, url: str) -> None:
    assert connect(api_url=given).api_url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ota.example.net/api.php",
        "ftp://h/api.php",
        "file:///etc/passwd",
        "http://",
        "http:///api.php",
        "http://h:port/",
        "http://h:99999/",
        "http://h:0/",
        "http://a..b/",
        "http://[::1/",
        "http://" + "a" * 64 + "/",
        "http://h/api.php?x=1",
        "http://h/api.php#x",
    ],
)
def test_api_url_that_cannot_be(url: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        connect(api_url=url)
    assert str(error.value).startswith(f"api_url '{url}' is not valid")
    assert "https://host/api.php" in str(error.value)


@pytest.mark.parametrize(
    "url", ["https://joe:hunter2@h/api.php", "http://hunter2@h", "http://x:hunter2@[::1", "x://hunter2@h:x"]
)
def test_credentials_in_api_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidInputError, match=r"api_url carries credentials: .* the secret as api_secret") as error:
        connect(api_url=url)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retries": -1}, "retries -1 is not valid: give 0 or more."),
        ({"timeout": 0}, "timeout 0 is not valid: give more than 0 and up to 86400."),
        ({"timeout": -2}, "timeout -2 is not valid: give more than 0 and up to 86400."),
        ({"timeout": "nan"}, "timeout nan is not valid: give more than 0 and up to 86400."),
        ({"timeout": "inf"}, "timeout inf is not valid: give more than 0 and up to 86400."),
        ({"node": " "}, "node ' ' is not valid: give the node's name, for example ota."),
        ({"client_key": "/key"}, "client_key '/key' needs client_cert: give both."),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        connect(**options)
    assert str(error.value) == message


@pytest.mark.parametrize("secret", [" s3cr3t", "s3cr3t\n", "s3cr3t\r\nX-Other: 1", "s3cr3t-ü", "s3\x00cr3t"])
def test_a_secret_that_no_header_takes_is_not_repeated(secret: str) -> None:
    with pytest.raises(InvalidInputError, match="api_secret cannot be sent in an HTTP header: give printable") as error:
        connect(api_secret=secret)
    assert "s3" not in str(error.value)


def test_an_empty_secret_is_none() -> None:
    assert connect(api_secret="").api_secret is None


@pytest.mark.parametrize(
    "name",
    [
        *(
            "password",
            "PASSWORD",
            "sslpassword",
            "PWD",
            "pwd",
            "passwd",
            "pass",
            "token",
            "access_token",
            "apikey",
            "api-key",
        ),
        *("client_secret", "p%61ssword", "%70wd", "db.password", "sig", "key", "auth"),
    ],
)
def test_a_password_in_a_url_is_hidden_whatever_its_parameter_is_called(name: str) -> None:
    for url in (f"https://h/api.php?a=b&{name}=fr%C3%A9d+1;c=d", f"postgresql://h/db?{name}=fr%C3%A9d+1#x"):
        assert {"fr%C3%A9d+1", "fréd+1", "fréd 1"} <= set(url_passwords({"x": url}))
        assert "fr%C3%A9d" not in without_secrets(url)
        with pytest.raises(InvalidInputError) as error:
            connect(api_url=url)
        assert "fr%C3%A9d" not in str(error.value)


def test_what_is_no_password_in_a_url() -> None:
    url = "postgresql://u@h/db?sslkey=/k.pem&passfile=/p&require_auth=scram-sha-256&application_name=x"
    assert url_passwords({"ledger": url, "dest": "/x?password=y", "none": None}) == []
    assert url_passwords({"ledger": "postgresql://u:p%40ss@h/db"}) == ["p%40ss", "p@ss"]
