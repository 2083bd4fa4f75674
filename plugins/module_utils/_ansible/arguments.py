# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn the options that every module takes into a connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from .._api.transport import Connection
from .._core.api_urls import canonical_url
from .._core.bounds import check_bounds
from .._core.errors import InvalidInputError
from .._core.url_secrets import url_secrets, without_secrets
from .connection_arguments import CONNECTION_ARGUMENTS, CONNECTION_BOUNDS


def url_passwords(params: Mapping[str, Any]) -> list[str]:
    """Return the passwords in options that are URLs, valid or not.

    Like ``api_secret``, they must not be shown.

    Args:
        params: the options as they were given.
    """
    return [secret for value in params.values() if isinstance(value, str) for secret in url_secrets(value)]


def connection(params: Mapping[str, Any]) -> Connection:
    """Return the connection for a module's options.

    Raises:
        InvalidInputError: an option has an invalid value; names the option, the value and the fix.
    """
    check_bounds(params, CONNECTION_BOUNDS)
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
    """Return the whole URL as ``canonical_url`` spells it: one without a path gets ``/api.php``.

    Raises:
        InvalidInputError: it is not an http(s) URL of a host, or has credentials, a query or a fragment.
    """
    if "@" in value.partition("//")[2].partition("/")[0]:
        raise InvalidInputError(
            "api_url carries credentials: give https://host/api.php without them, and the secret as api_secret."
        )
    try:
        parts = urlsplit(value.strip())
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError as error:  # the port is not a number, or the host name is not valid
        raise InvalidInputError(
            f"api_url '{without_secrets(value)}' is not valid ({error}): give https://host/api.php."
        ) from None
    if not fits or parts.query or parts.fragment:
        raise InvalidInputError(
            f"api_url '{without_secrets(value)}' is not valid: give http or https, a host and a path, as in https://host/api.php."
        )
    return canonical_url(urlunsplit(parts._replace(path=parts.path if parts.path.strip("/") else "/api.php")))
