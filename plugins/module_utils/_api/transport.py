# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Post to one URL over TLS, proxies and kept-alive connections.

After a failure, the caller knows whether the request may have been sent.
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._core.errors import InvalidInputError
from .._core.libraries import guarded
from .wire import CLOSED, Reply, SendingForbiddenError, Wire, WireError, always

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
        api_url: the complete URL of ``api.php``, already checked.
        api_secret: the value of ``X-Authentication`` [V, F], or None; never shown.
        node: the node a request is for [S].
        validate_certs, ca_path, client_cert, client_key: TLS; without ``ca_path`` (a file or folder),
            the system's trust store is used.
        timeout: seconds to wait for the connection, and again for the whole answer.
        retries: further tries of a request that may be tried again.
        use_proxy: use the proxy variables of the environment.
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


class TransferError(Exception):
    """The network failed, or the answer is incomplete, invalid or too large.

    Attributes:
        sent: whether any part of the request may have been sent.
        is_certificate_refused: whether the certificate is refused, so that trying again is pointless.
        is_answer_unusable: whether an answer came that trying again would not change (too large, broken compression).
    """

    def __init__(
        self, text: str, sent: bool, is_certificate_refused: bool = False, is_answer_unusable: bool = False
    ) -> None:
        super().__init__(text)
        self.sent = sent
        self.is_certificate_refused = is_certificate_refused
        self.is_answer_unusable = is_answer_unusable


class _Adapter(requests_adapters.HTTPAdapter):
    """The adapter of requests, for its proxy support.

    Its TLS context does not use the certificate bundle of requests.
    """

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)


def _tls_context(connection: Connection) -> ssl.SSLContext | None:
    """Return the TLS context of an https connection, None for http.

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
            # A key with a passphrase would prompt on the terminal: an empty passphrase makes it an error.
            context.load_cert_chain(connection.client_cert, connection.client_key, password="")
        except OSError as error:
            raise InvalidInputError(
                f"client_cert '{connection.client_cert}' with client_key '{connection.client_key}' cannot be used "
                f"({error}): give readable PEM files, the key without a passphrase."
            ) from None
    return context


class Transport:
    """The transport of bodies to one URL over kept-alive connections.

    It is safe to use from ``connections`` threads.

    Raises:
        InvalidInputError: a certificate, a key or a trust store cannot be read, or the URL's host is not valid.
    """

    def __init__(self, connection: Connection, connections: int = 1) -> None:
        self._timeout = connection.timeout
        self._verify = connection.validate_certs
        self._adapter = _Adapter(_tls_context(connection))
        if not connection.validate_certs:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        try:
            self._proxies = requests.utils.get_environ_proxies(connection.api_url) if connection.use_proxy else {}
            self._template = requests.Request("POST", connection.api_url).prepare()
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise InvalidInputError(
                f"api_url '{connection.api_url}' is not valid ({error}): give https://host/api.php."
            ) from None
        self._headers = [
            ("Host", urlsplit(str(self._template.url)).netloc),
            ("Content-Type", "application/json"),
            ("Accept", "application/json"),
            ("Accept-Encoding", "identity"),
            ("User-Agent", "simops.yateota"),
        ]
        if connection.api_secret:
            self._headers.append(("X-Authentication", connection.api_secret))
        self._connections = connections
        self._kept: deque[Wire] = deque()

    def post(self, body: bytes, largest: int, may_send: Callable[[], bool] = always) -> Reply:
        """Post a body and read the whole answer; follow no redirect.

        Args:
            body: the request's body.
            largest: the largest allowed size of the answer's body, in bytes after decompression.
            may_send: called before anything is done, and right before the request is sent.

        Raises:
            SendingForbiddenError: it returned false; nothing was sent.
            TransferError: no complete answer came, for any reason; says whether the request may have been sent.
        """
        wire = None
        if not may_send():
            raise SendingForbiddenError
        try:
            wire = self._rested() or self._connected()
            return wire.exchange(body, self._timeout, largest, may_send)
        except SendingForbiddenError:
            raise
        except Exception as error:  # noqa: BLE001 - for any exception it must be known whether a write was sent
            sent = wire is not None and wire.sent
            is_unusable = isinstance(error, WireError) and error.is_answer_unusable
            raise TransferError(_reason(error), sent, _is_certificate_error(error), is_unusable) from None
        finally:
            if wire:
                self._keep(wire)

    def close(self) -> None:
        """Close the kept-alive connections."""
        while self._kept:
            self._kept.pop().close()
        self._adapter.close()

    def _rested(self) -> Wire | None:
        """Return the most recently used connection that is still usable.

        Those that are found to be no longer usable are closed.
        """
        while self._kept:
            try:
                wire = self._kept.pop()
            except IndexError:  # another thread took it
                return None
            if wire.is_quiet():
                return wire
            wire.close()
        return None

    def _keep(self, wire: Wire) -> None:
        if wire.is_reusable and len(self._kept) < self._connections:
            wire.sent = False
            self._kept.append(wire)
        else:
            wire.close()

    def _connected(self) -> Wire:
        """Return a new connection, through the environment's proxy if it names one."""
        pool: Any = self._adapter.get_connection_with_tls_context(self._template, self._verify, proxies=self._proxies)
        target = self._adapter.request_url(self._template, self._proxies)
        tunnel = str(self._template.url).startswith("https:")
        headers = self._headers
        if pool.proxy and not tunnel:
            headers = [*headers, *pool.proxy_headers.items()]
        connection = pool._new_conn()
        connection.timeout = self._timeout
        try:
            with _bounded(connection, self._timeout if self._proxies else None):
                if pool.proxy and tunnel:
                    pool._prepare_proxy(connection)
                else:
                    connection.connect()
        except Exception as error:
            connection.close()
            if pool.proxy and not connection.has_connected_to_proxy:
                raise urllib3.exceptions.ProxyError("", error) from error
            raise
        wire = Wire(connection, target, headers)
        if wire.is_quiet():
            return wire
        wire.close()
        raise WireError("the server closed the connection, or sent something, before it was asked")


@contextmanager
def _bounded(connection: Any, seconds: float | None) -> Iterator[None]:
    """Limit the seconds for connecting, which a proxy could delay endlessly.

    The socket's timeout applies only to each part of it, and to the TLS handshake as a whole.
    """
    if seconds is None:
        yield
        return
    late = threading.Event()

    def end() -> None:
        late.set()
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if late.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and its causes, contexts and wrapped arguments, outermost first."""
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
    """Return the innermost cause in words for people.

    Names of classes and addresses of objects are left out.
    """
    causes = _causes(error)
    reason = _cause_in_words(causes)
    proxy = any(isinstance(cause, (requests.exceptions.ProxyError, urllib3.exceptions.ProxyError)) for cause in causes)
    return f"through the proxy of the environment: {reason}" if proxy else reason


def _cause_in_words(causes: list[BaseException]) -> str:
    if any(isinstance(cause, ssl.SSLError) and cause.reason in _NO_TLS for cause in causes):
        return "the server there does not speak TLS: check the scheme and the port of api_url, or use http://"
    for kind, words in _wordings():
        for cause in causes:
            if isinstance(cause, kind):
                return words.format(cause)
    for cause in reversed(causes):
        if isinstance(cause, OSError) and (cause.strerror or str(cause).startswith("Tunnel")):
            return cause.strerror or str(cause)
    return CLOSED


_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
"""OpenSSL's names for plain text where TLS is expected."""


def _wordings() -> tuple[tuple[Any, str], ...]:
    """Return kinds of causes and their wording, the more specific ones first."""
    return (
        (WireError, "{0}"),
        (ssl.SSLCertVerificationError, "the server's certificate is refused: {0.verify_message}"),
        (socket.gaierror, "the host name cannot be resolved"),
        (TimeoutError, "no answer within the timeout"),
        (
            (requests.exceptions.InvalidProxyURL, requests.exceptions.InvalidSchema),
            "the environment's proxy variables cannot be used: {0}",
        ),
        # Its own message could quote a proxy's password.
        (urllib3.exceptions.LocationValueError, "the proxy that the environment names cannot be used"),
    )
