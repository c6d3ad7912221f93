"""Connections to public addresses only, the whole of each within one deadline.

The name is resolved here and the connection made to the very address that was checked, so that a name which changes its mind between
the two (DNS rebinding) gains nothing.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore
import httpx

Allowed = Callable[[str], bool]  # whether an address may be connected to
Resolve = Callable[[str, int], list[str]]


class NotAllowed(httpcore.ConnectError):
    """The name leads to an address inside somebody's own network."""


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet: not private, loopback, link-local (cloud metadata), mapped or reserved."""
    found = ipaddress.ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global and not found.is_multicast


def resolve(host: str, port: int) -> list[str]:
    """Every address of a name."""
    return [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class GuardedTransport(httpx.HTTPTransport):
    """What httpx sends through: no proxy and no certificates from the environment, addresses checked, everything before a deadline."""

    def __init__(self, *, seconds: float, allowed: Allowed = is_public, resolver: Resolve = resolve) -> None:
        super().__init__(trust_env=False)
        # httpx offers no way to choose the network that its pool uses, httpcore does.
        network = _GuardedNetwork(time.monotonic() + seconds, allowed, resolver)
        self._pool = httpcore.ConnectionPool(ssl_context=ssl.create_default_context(), network_backend=network)


class _GuardedNetwork(httpcore.NetworkBackend):
    def __init__(self, deadline: float, allowed: Allowed, resolver: Resolve) -> None:
        self._deadline, self._allowed, self._resolver = deadline, allowed, resolver
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address of the host. Raises NotAllowed where any of its addresses may not be connected to."""
        try:
            addresses = self._resolver(host, port)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} has no address") from error
        if not addresses or not all(self._allowed(address) for address in addresses):
            raise NotAllowed(f"{host} does not lead to a public address")
        stream = self._network.connect_tcp(addresses[0], port, left(self._deadline, timeout), local_address, socket_options)
        return _TimedStream(stream, self._deadline)


class _TimedStream(httpcore.NetworkStream):
    """A stream of which every part counts against one deadline: who sends a byte a second is cut off like who sends nothing."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, left(self._deadline, timeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, left(self._deadline, timeout))
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()


def left(deadline: float, timeout: float | None) -> float:
    """The seconds that an act may take. Raises ReadTimeout where there are none left."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise httpcore.ReadTimeout("the deadline has passed")
    return min(seconds, timeout) if timeout else seconds
