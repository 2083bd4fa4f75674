# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that every module takes, and how they become a connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ansible.module_utils.basic import env_fallback

from .._api.transport import Connection
from .._core.errors import InvalidInputError
from .._core.identifiers import check_positive
from .._core.url_secrets import url_secrets, without_secrets

_DEFAULTS = Connection(api_url="")
_LONGEST_TIMEOUT = 86400  # seconds; a socket takes no number without end


def _option(name: str, **spec: Any) -> dict[str, Any]:
    """The spec of an option that the environment can give too."""
    return {**spec, "fallback": (env_fallback, [f"YATEOTA_{name.removeprefix('api_').upper()}"])}


CONNECTION_ARGUMENTS: dict[str, dict[str, Any]] = {
    "api_url": {"type": "str", "required": True, "fallback": (env_fallback, ["YATEOTA_API_URL"])},
    "api_secret": {"type": "str", "no_log": True, "fallback": (env_fallback, ["YATEOTA_API_SECRET"])},
    "node": _option("node", type="str", default=_DEFAULTS.node),
    "validate_certs": _option("validate_certs", type="bool", default=_DEFAULTS.validate_certs),
    "ca_path": _option("ca_path", type="path"),
    "client_cert": _option("client_cert", type="path"),
    "client_key": _option("client_key", type="path"),
    "timeout": _option("timeout", type="float", default=_DEFAULTS.timeout),
    "retries": _option("retries", type="int", default=_DEFAULTS.retries),
    "use_proxy": _option("use_proxy", type="bool", default=_DEFAULTS.use_proxy),
}


def url_passwords(params: Mapping[str, Any]) -> list[str]:
    """The passwords that stand in options that are URLs: to be shown no more than ``api_secret``, wrong as they may be.

    Args:
        params: the options as they were given.
    """
    return [secret for value in params.values() if isinstance(value, str) for secret in url_secrets(value)]


def connection(params: Mapping[str, Any]) -> Connection:
    """The connection that a module's options describe.

    Raises:
        InvalidInputError: an option has a value that cannot be; names the option, the value and the mend.
    """
    check_positive("retries", params["retries"], least=0)
    if not 0 < params["timeout"] <= _LONGEST_TIMEOUT:
        raise InvalidInputError(
            f"timeout {params['timeout']} is not valid: give seconds, more than 0 and at most {_LONGEST_TIMEOUT}."
        )
    if not params["node"].strip():
        raise InvalidInputError(f"node '{params['node']}' is not valid: give the node's name, for example ota.")
    if params["client_key"] and not params["client_cert"]:
        raise InvalidInputError(f"client_key '{params['client_key']}' needs client_cert: give both.")
    secret = params["api_secret"] or None
    if secret and not (secret.isascii() and secret.isprintable() and secret == secret.strip()):
        raise InvalidInputError(
            "api_secret cannot be sent in an HTTP header: give printable ASCII characters without blanks around them."
        )
    given = {name: params[name] for name in CONNECTION_ARGUMENTS}
    return Connection(**{**given, "api_url": _api_url(params["api_url"]), "api_secret": secret})


def _api_url(value: str) -> str:
    """The whole URL: one without a path gets ``/api.php``.

    Raises:
        InvalidInputError: it is no http(s) URL of a host, or carries credentials, a query or a fragment.
    """
    if "@" in value.partition("//")[2].partition("/")[0]:
        raise InvalidInputError(
            "api_url carries credentials: give https://host/api.php without them, and the secret as api_secret."
        )
    try:
        parts = urlsplit(value.strip())
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError as error:  # no number as port, no host name that can be looked up
        raise InvalidInputError(
            f"api_url '{without_secrets(value)}' is not valid ({error}): give https://host/api.php."
        ) from None
    if not fits or parts.query or parts.fragment:
        raise InvalidInputError(
            f"api_url '{without_secrets(value)}' is not valid: give http or https, a host and a path, as in https://host/api.php."
        )
    return urlunsplit(parts._replace(path=parts.path if parts.path.strip("/") else "/api.php"))
