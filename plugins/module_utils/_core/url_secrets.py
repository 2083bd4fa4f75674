# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the passwords and tokens in URLs, however their parameters are spelled."""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_plus

_URL = re.compile(r"\s*[^:/@\s]+://")
_USER = re.compile(r"\s*[^:/@\s]+://[^/@]*?:([^@]+)@")
_PARAMETER = re.compile(r"[?&;#]([^=&;#?]+)=([^&;#]+)")
# Not the names of files, such as sslkey and passfile, nor those of methods, such as require_auth.
_NAME = re.compile(
    r"pass(?!file)|pwd|secret|token|api.?key|credential|signature|authorization|^(?:pin|sig|key|auth)$", re.IGNORECASE
)


def names_a_secret(parameter: str) -> bool:
    """Return whether a URL parameter of this name carries a password or token.

    The name may be percent-encoded.
    """
    return bool(_NAME.search(unquote(parameter).strip()))


def url_secrets(text: str) -> list[str]:
    """Return the secrets in a URL, both as written and decoded.

    There are none if the text is not a URL.
    """
    if not _URL.match(text):
        return []
    user = _USER.match(text)
    found = [user[1]] if user else []
    found += [value for name, value in _PARAMETER.findall(text) if names_a_secret(name)]
    return list(dict.fromkeys(form for value in found for form in (value, unquote(value), unquote_plus(value))))


def without_secrets(text: str) -> str:
    """Return a URL with its secrets hidden, for a message."""
    for secret in sorted(url_secrets(text), key=len, reverse=True):
        text = text.replace(secret, "********")
    return text
