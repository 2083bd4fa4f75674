# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spell the URL of a server in one way, since a ledger knows the server by it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit, urlunsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def canonical_url(url: str) -> str:
    """Return the one spelling of all URLs that lead to the same place on the same host.

    Host and scheme are in lower case, and an IP address in its short form. The scheme's own port, repeated slashes, and
    slashes after a file such as ``api.php`` are left out. Slashes at the end of a folder stay: without them a server
    would redirect. Other names of the same host cannot be known here.

    Args:
        url: a valid URL of a host, without credentials.
    """
    parts = urlsplit(url)
    path = re.sub("/+", "/", parts.path)
    is_file = "." in path.rstrip("/").rpartition("/")[2]
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    netloc = f"{_canonical_host(parts.hostname or '')}{port}"
    return urlunsplit(parts._replace(netloc=netloc, path=path.rstrip("/") if is_file else path))


def _canonical_host(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return f"[{address}]" if address.version == 6 else str(address)


def is_one_server(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Return whether two pairs of URL and node name one server. Release 1.0.0 recorded the URL as it was given."""
    return one[1] == other[1] and canonical_url(one[0]) == canonical_url(other[0])


def short_url(url: str) -> str:
    """Return what distinguishes a server's URL from those of others, for a narrow column."""
    return url.partition("://")[2].removesuffix("/api.php")
