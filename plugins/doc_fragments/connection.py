# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options and attributes that every module of the collection has."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_url:
    description:
      - URL of the server's JSON API, for example V(https://ota.example.net/api.php).
      - V(/api.php) is added to a URL without a path. Credentials in the URL are refused; use O(api_secret) instead.
      - If not set, the environment variable E(YATEOTA_API_URL) is used.
    type: str
    required: true
  api_secret:
    description:
      - The secret that the server requires, sent in the header C(X-Authentication) and never shown.
      - Not needed for a server without a configured secret.
      - If not set, the environment variable E(YATEOTA_API_SECRET) is used.
    type: str
  node:
    description:
      - The node that handles the requests.
      - If not set, the environment variable E(YATEOTA_NODE) is used.
    type: str
    default: ota  # from _api.transport.Connection.node
  validate_certs:
    description:
      - Whether to verify the server's TLS certificate. V(false) gives a warning, because any server that answers then receives the secret.
      - If not set, the environment variable E(YATEOTA_VALIDATE_CERTS) is used.
    type: bool
    default: true  # from _api.transport.Connection.validate_certs
  ca_path:
    description:
      - File, or folder hashed by C(openssl rehash), of the CA certificates in PEM form that the server's certificate is verified against.
      - If not set, the system's trust store is used.
      - If not set, the environment variable E(YATEOTA_CA_PATH) is used.
    type: path
  client_cert:
    description:
      - File of a client certificate in PEM form, for servers that ask for one. It may hold the key as well.
      - If not set, the environment variable E(YATEOTA_CLIENT_CERT) is used.
    type: path
  client_key:
    description:
      - File of the key of O(client_cert) in PEM form, without a passphrase.
      - If not set, the environment variable E(YATEOTA_CLIENT_KEY) is used.
    type: path
  timeout:
    description:
      - For each request, the seconds to wait for the connection, and again for the complete answer.
      - Keep it above the 5 seconds after which the server itself stops waiting for a node. Must be more than 0 and up to 86400.
      - If not set, the environment variable E(YATEOTA_TIMEOUT) is used.
    type: float
    default: 10.0  # from _api.transport.Connection.timeout
  retries:
    description:
      - How many times a request is tried again after a temporary failure, with increasing pauses. Must be 0 or more.
      - Reads are tried again after any such failure; a request that changes something only if it provably was not sent.
      - A pause that the server asks for before it accepts a write (HTTP 429, or 503 with C(Retry-After)) does not count, for up to 10 minutes.
      - If not set, the environment variable E(YATEOTA_RETRIES) is used.
    type: int
    default: 3  # from _api.transport.Connection.retries
  use_proxy:
    description:
      - Whether to use the environment's proxy variables, such as E(HTTPS_PROXY) and E(NO_PROXY).
      - If not set, the environment variable E(YATEOTA_USE_PROXY) is used.
    type: bool
    default: true  # from _api.transport.Connection.use_proxy
requirements:
  - requests >= 2.32
  - h11 >= 0.16
  - pydantic >= 2.7
"""

    # Every module carries these; what differs between them is in ACTIONS and READS below.
    ACTIONGROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/simops.yateota.yateota) in C(module_defaults) to set the connection options once for all modules.
    support: full
    membership:
      - simops.yateota.yateota
"""

    WRITES = r"""
options: {}
attributes:
  check_mode:
    description: Only reads from the server, and returns what a real run would return. Nothing is written.
    support: full
  diff_mode:
    description: Returns the states before and after.
    support: full
"""

    READS = r"""
options: {}
attributes:
  check_mode:
    description: Only reads from the server, also outside of check mode. In check mode a file is compared, but not written.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""
