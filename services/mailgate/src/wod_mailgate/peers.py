"""Which peers may command without a signature."""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address


@dataclass(frozen=True)
class LegacyPeers:
    """The networks an operator lists; this host itself counts only where he says so as well."""

    networks: tuple[IPv4Network | IPv6Network, ...]
    allow_own_host: bool

    def include(self, peer: str) -> bool:
        try:
            address = _plain(ip_address(peer))
        except ValueError:
            # gone before its address could be asked for
            return False
        if not any(address in network for network in self.networks):
            return False
        return self.allow_own_host or not _is_own(address)


def origin(peer: str) -> str:
    """Whom limits per peer are counted for: an IPv6 host has a whole /64 to speak from."""
    try:
        address = _plain(ip_address(peer))
    except ValueError:
        return peer
    return str(IPv6Network((address, 64), strict=False) if isinstance(address, IPv6Address) else address)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """On a dual-stack socket an IPv4 peer shows as ::ffff:a.b.c.d."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _is_own(address: IPv4Address | IPv6Address) -> bool:
    """Whether a process of this host may speak from ``address``: loopback is not the only way to oneself.

    The kernel knows best: it lets a socket be bound to its own addresses only.
    """
    if address.is_loopback:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
