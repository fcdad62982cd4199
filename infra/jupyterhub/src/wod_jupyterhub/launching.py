"""How to start the hub from another program."""

import os
import sys
from pathlib import Path

CONFIGURATION = Path(__file__).parents[2] / "jupyterhub_config.py"


def command() -> list[str]:
    """Argument vector of the hub's process; holds no secret. Ends cleanly on SIGTERM, with its proxy and the seats' servers."""
    return [sys.executable, "-m", "jupyterhub", "-f", str(CONFIGURATION)]


def environment(  # noqa: PLR0913, PLR0917 - one argument per setting, all needed
    port: int,
    internal_port: int,
    proxy_api_port: int,
    state: Path,
    homes: Path,
    seats: int,
    uid_base: int | None,
    agent_url: str,
    agent_token: str,
    service_token: str,
    public_url: str,
    delivery: str = "ansible",
) -> dict[str, str]:
    """The whole environment of the hub's process: nothing else of the caller's is passed on."""
    settings = {
        "PORT": str(port),
        "INTERNAL_PORT": str(internal_port),
        "PROXY_API_PORT": str(proxy_api_port),
        "URL": public_url,
        "STATE": str(state.absolute()),
        "HOMES": str(homes.absolute()),
        "SEATS": str(seats),
        "AGENT_URL": agent_url,
        "AGENT_TOKEN": agent_token,
        "SERVICE_TOKEN": service_token,
        "DELIVERY": delivery,
    }
    if uid_base is not None:
        settings["UID_BASE"] = str(uid_base)
    path = os.pathsep.join((str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"))
    return {"PATH": path, "HOME": str(state.absolute()), "LANG": "C.UTF-8"} | {
        f"WOD_HUB_{k}": v for k, v in settings.items()
    }
