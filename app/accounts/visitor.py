"""Where a request comes from, kept short: the network rather than the address, the browser rather than its whole signature."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iOS"), ("Windows", "Windows"), ("Mac OS", "macOS"), ("Linux", "Linux"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """The sender of a request: network and browser."""

    network: str
    client: str

    @classmethod
    def of(cls, address: str, user_agent: str) -> "Visitor":
        """The visitor at an address, with what its browser calls itself."""
        return cls(network=network_of(address), client=client_of(user_agent))


def network_of(address: str) -> str:
    """The /24 of an IPv4 address, the /48 of an IPv6 address: "203.0.113.0/24"."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return str(ip_network((found, 24 if found.version == 4 else 48), strict=False))


def client_of(user_agent: str) -> str:
    """The browser and the system that a user agent names: "Firefox on Linux"."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "a program")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser
