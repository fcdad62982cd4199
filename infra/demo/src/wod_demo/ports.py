"""Ports that nobody holds."""

import socket


def free_port() -> int:
    """A loopback port that is free now; the kernel does not hand it out again at once."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
