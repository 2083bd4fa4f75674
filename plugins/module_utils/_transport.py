# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTPS exchange: TLS, proxies, kept-alive connections, and whether a request ever left this machine."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._errors import InvalidInputError
from ._libraries import guarded

if TYPE_CHECKING:
    import requests
    import requests.adapters as requests_adapters
    import urllib3
else:
    requests = guarded("requests")
    requests_adapters = guarded("requests.adapters")
    urllib3 = guarded("urllib3")


@dataclass(frozen=True)
class Connection:
    """How to reach one server.

    Attributes:
        api_url: the whole URL of ``api.php``, already checked.
        api_secret: the value of ``X-Authentication`` [V, F], or None; never shown.
        node: the node a request is for [S].
        validate_certs, ca_path, client_cert, client_key: TLS; without ``ca_path``, a file or folder,
            the system's trust store counts.
        timeout: seconds to wait for the connection, and again for each part of the answer.
        retries: further tries of a request that may be tried again.
        use_proxy: heed the proxy variables of the environment.
    """

    api_url: str
    api_secret: str | None = field(default=None, repr=False)
    node: str = "ota"
    validate_certs: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    timeout: float = 10.0
    retries: int = 3
    use_proxy: bool = True


@dataclass(frozen=True)
class Reply:
    """What came back: the HTTP status, its reason phrase, the headers and the body's text."""

    status: int
    reason: str
    headers: Any
    text: str


class ExchangeError(Exception):
    """The exchange failed on the network.

    Attributes:
        left: whether any part of the request may have left this machine.
        certain: whether trying again is pointless (the certificate is refused).
    """

    def __init__(self, text: str, left: bool, certain: bool = False) -> None:
        super().__init__(text)
        self.left = left
        self.certain = certain


class HeldBackError(Exception):
    """A request was not let out, or not whole: the server cannot have carried it out."""


def always() -> bool:
    """The answer where nothing holds requests back."""
    return True


_wire = threading.local()


class _Noting:
    """A connection that notes, for its thread, when a request goes onto the wire: nothing else can prove it did not."""

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]
        finally:
            _wire.left = False  # what a proxy was told to open a tunnel is no request to the server

    def send(self, data: Any) -> None:
        if getattr(self, "sock", None) is None:
            self.connect()
        # Here and not earlier: this process may have been stopped, or the connection have taken its time.
        if not _wire.may_send():
            raise HeldBackError
        _wire.left = True
        super().send(data)  # type: ignore[misc]


def _noting(pool: Any) -> Any:
    """The class of connection pools, with connections that note. Those through SOCKS are of other classes."""
    connection = type("NotingConnection", (_Noting, pool.ConnectionCls), {})
    return type("NotingPool", (pool,), {"ConnectionCls": connection})


class _Adapter(requests_adapters.HTTPAdapter):
    """requests' adapter with noting connections, and a TLS context that is ours: requests would add its own bundle."""

    def __init__(self, context: ssl.SSLContext | None, connections: int) -> None:
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        self._note(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)
        return manager if known else self._note(manager)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context knows whom to trust: no bundle is added to it."""

    @staticmethod
    def _note(manager: Any) -> Any:
        pools = manager.pool_classes_by_scheme
        manager.pool_classes_by_scheme = {scheme: _noting(pool) for scheme, pool in pools.items()}
        return manager


def _tls_context(connection: Connection) -> ssl.SSLContext | None:
    """The TLS context of an https connection, None for http.

    Raises:
        InvalidInputError: a file that an option names cannot be used.
    """
    if not connection.api_url.startswith("https:"):
        return None
    context = ssl.create_default_context()
    if not connection.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif connection.ca_path:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the system's trust store: ca_path replaces it
        where = "capath" if os.path.isdir(connection.ca_path) else "cafile"
        try:
            context.load_verify_locations(**{where: connection.ca_path})
        except OSError as error:
            raise InvalidInputError(
                f"ca_path '{connection.ca_path}' cannot be used ({error}): "
                "give a readable file or folder of PEM certificates."
            ) from None
    if connection.client_cert:
        try:
            # A key under a passphrase would ask for it on the terminal: an empty one makes it an error instead.
            context.load_cert_chain(connection.client_cert, connection.client_key, password="")
        except OSError as error:
            raise InvalidInputError(
                f"client_cert '{connection.client_cert}' with client_key '{connection.client_key}' cannot be used "
                f"({error}): give readable PEM files, the key without a passphrase."
            ) from None
    return context


class Transport:
    """Posts bodies to one URL over kept-alive connections. Safe to use from ``connections`` threads at once.

    Raises:
        InvalidInputError: a certificate, a key or a trust store cannot be read, or the URL's host cannot be one.
    """

    def __init__(self, connection: Connection, connections: int = 1) -> None:
        self._timeout = connection.timeout
        self._verify = connection.validate_certs
        self._proxies = requests.utils.get_environ_proxies(connection.api_url) if connection.use_proxy else {}
        self._adapter = _Adapter(_tls_context(connection), connections)
        if not connection.validate_certs:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "simops.yateota"}
        if connection.api_secret:
            headers["X-Authentication"] = connection.api_secret
        # Prepared once and copied for each request: half of what requests costs a request is the preparing.
        try:
            self._template = requests.Request("POST", connection.api_url, headers=headers).prepare()
        except requests.RequestException as error:
            raise InvalidInputError(
                f"api_url '{connection.api_url}' is not valid ({error}): give https://host/api.php."
            ) from None

    def post(self, body: bytes, may_send: Callable[[], bool] = always) -> Reply:
        """Post a body and read the whole answer. Redirects are not followed.

        Args:
            body: the request's body.
            may_send: asked before anything is done, and right before each part of the request leaves.

        Raises:
            HeldBackError: it said no; without its last part the request is none.
            ExchangeError: no whole answer came; tells whether the request may have left.
        """
        prepared = self._template.copy()
        prepared.body = body
        prepared.headers["Content-Length"] = str(len(body))
        _wire.left, _wire.may_send = False, may_send
        if not may_send():
            raise HeldBackError
        try:
            response = self._adapter.send(
                prepared, timeout=self._timeout, verify=self._verify, proxies=self._proxies, stream=True
            )
            text = response.content.decode("utf-8", "replace")
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise ExchangeError(_reason(error), left=_wire.left, certain=_is_certificate_error(error)) from None
        return Reply(response.status_code, response.reason or "", response.headers, text)

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._adapter.close()


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that stands behind it, outermost first: causes, contexts and wrapped arguments."""
    found: list[BaseException] = []
    queue: list[Any] = [error]
    while queue:
        item = queue.pop(0)
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            queue += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
    return found


def _is_certificate_error(error: BaseException) -> bool:
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))


def _reason(error: BaseException) -> str:
    """The innermost cause in words, for people: no class names, no object addresses."""
    causes = _causes(error)
    reason = _cause_in_words(causes)
    proxy = any(isinstance(cause, (requests.exceptions.ProxyError, urllib3.exceptions.ProxyError)) for cause in causes)
    return f"through the proxy of the environment: {reason}" if proxy else reason


def _cause_in_words(causes: list[BaseException]) -> str:
    for kind, words in _wordings():
        for cause in causes:
            if isinstance(cause, kind):
                return words.format(cause)
    for cause in reversed(causes):
        if isinstance(cause, OSError) and (cause.strerror or str(cause).startswith("Tunnel")):
            return cause.strerror or str(cause)
    return _CLOSED


_CLOSED = "the connection was closed before the whole answer came"


def _wordings() -> tuple[tuple[Any, str], ...]:
    """Kinds of causes and their words, the more special before the more general."""
    return (
        (ssl.SSLCertVerificationError, "the server's certificate is refused: {0.verify_message}"),
        (socket.gaierror, "the host name cannot be resolved"),
        ((TimeoutError, urllib3.exceptions.ReadTimeoutError), "no answer within the timeout"),
        (http.client.RemoteDisconnected, _CLOSED),
        (http.client.BadStatusLine, "what answers there does not speak HTTP"),
        (
            (requests.exceptions.InvalidProxyURL, requests.exceptions.InvalidSchema),
            "the environment's proxy variables cannot be used: {0}",
        ),
        # Its own words could quote a proxy's password.
        (urllib3.exceptions.LocationValueError, "the proxy that the environment names cannot be used"),
    )
