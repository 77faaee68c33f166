"""Fetches files that people send: only the kinds, sizes and hosts that may be, with credentials where they belong.

The address comes from outside, so it could point into our own network (server-side request forgery):
names are resolved here and only public addresses are connected to, at every redirect again.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from gateway.errors import ProviderRefused, ProviderUnavailable

REDIRECTS_MOST = 4
CONNECT_S = 5.0
CHUNK = 64 * 1024

TYPES = frozenset(
    {
        "image/jpeg",
        "image/png",
        "image/gif",
        "image/webp",
        "audio/ogg",
        "audio/mpeg",
        "audio/amr",
        "audio/mp4",
        "audio/aac",
        "audio/wav",
        "audio/x-wav",
        "video/mp4",
        "video/3gpp",
        "application/pdf",
        "text/vcard",
        "text/x-vcard",
        "text/plain",
    }
)
"""Kinds of files that are taken; never HTML or SVG, which a browser would run."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PROTOCOLS = ipaddress.IPv4Network("192.0.0.0/24")
"""RFC 6890: assignments of protocols, which the standard library knows in part."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file, whole."""

    content_type: str
    data: bytes


class PublicAddressesOnly(AbstractResolver):
    """Resolves names, and leaves out every address that is not of the public internet."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results = [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, proto, _, address in found
            if is_public(str(address[0]))
        ]
        if not results:
            raise OSError(f"{host} has no public address")
        return results

    async def close(self) -> None:
        """Nothing is held."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, whatever it is wrapped in."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        # Wrappings that a translator of ours could unwrap: RFC 4291 2.5.5.2, 3056, 4380, 6052.
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            # RFC 3879 gave them up; who has them still has them inside.
            return False
    elif ip in _PROTOCOLS:
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class MediaFetcher:
    """Fetches files. `authorizations`: host → value of `Authorization`, sent to that host only.

    `is_trusted` names hosts (with port) of the operator's own, which may be private and without TLS.
    """

    def __init__(
        self,
        authorizations: Mapping[str, str],
        *,
        size_most: int = 16 * 1024 * 1024,
        timeout_s: float = 20.0,
        types: frozenset[str] = TYPES,
        is_trusted: Callable[[str], bool] = lambda _authority: False,
    ) -> None:
        self._authorizations = {host.lower(): value for host, value in authorizations.items()}
        self._size_most = size_most
        self._timeout_s = timeout_s
        self._types = types
        self._is_trusted = is_trusted

    async def fetch(self, url: str) -> Fetched:
        """Return the file. Raises `ProviderRefused` for what may not be, `ProviderUnavailable` else."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._follow(_parsed(url))
        except TimeoutError as error:
            raise ProviderUnavailable("the file did not come in time") from error
        except (aiohttp.InvalidURL, UnicodeError) as error:
            # The latter for names that cannot be looked up: a label that is empty or too long.
            raise ProviderRefused("the file's address is no URL") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ProviderUnavailable(f"the file cannot be fetched: {error}") from error

    async def _follow(self, url: URL) -> Fetched:
        for _ in range(REDIRECTS_MOST + 1):
            self._check(url)
            is_trusted = self._is_trusted(url.authority)
            connector = aiohttp.TCPConnector(
                resolver=aiohttp.ThreadedResolver() if is_trusted else PublicAddressesOnly(),
                # A name that was public a minute ago may not be now.
                use_dns_cache=False,
                force_close=True,
            )
            headers = {"Accept": ", ".join(sorted(self._types))}
            authorization = self._authorizations.get(url.authority.lower())
            if authorization:
                headers["Authorization"] = authorization
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_S),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    # Compressed a hundredfold, a small answer could fill the memory.
                    auto_decompress=False,
                ) as session,
                session.get(url, headers=headers, allow_redirects=False) as response,
            ):
                location = response.headers.get("Location")
                if 300 <= response.status < 400 and location:
                    url = url.join(_parsed(location))
                    continue
                return await self._read(response)
        raise ProviderRefused("the file is behind too many redirects")

    def _check(self, url: URL) -> None:
        if self._is_trusted(url.authority):
            return
        if url.scheme != "https":
            raise ProviderRefused("files are fetched by https only")
        if url.user or url.password:
            raise ProviderRefused("the file's address carries credentials")
        if url.port not in (443, 8443):
            raise ProviderRefused(f"port {url.port} is not one that files come from")
        # The resolver is not asked for addresses, so they are looked at here.
        host = url.host or ""
        if _is_address(host) and not is_public(host):
            raise ProviderRefused("the file's address is not of the public internet")

    async def _read(self, response: aiohttp.ClientResponse) -> Fetched:
        if response.status >= 500 or response.status == 429:
            raise ProviderUnavailable(f"the file's server answered {response.status}")
        if response.status != 200:
            raise ProviderRefused(f"the file's server answered {response.status}")
        if response.content_type not in self._types:
            raise ProviderRefused(f"files of type {response.content_type} are not taken")
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise ProviderRefused("compressed files are not taken")
        if (response.content_length or 0) > self._size_most:
            raise ProviderRefused(f"the file is larger than {self._size_most} bytes")
        data = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK):
            data += chunk
            if len(data) > self._size_most:
                raise ProviderRefused(f"the file is larger than {self._size_most} bytes")
        return Fetched(response.content_type, bytes(data))


def _parsed(url: str) -> URL:
    try:
        return URL(url)
    except ValueError as error:
        raise ProviderRefused("the file's address is no URL") from error


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
