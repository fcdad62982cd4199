"""``python trial_route.py HOST PORT``, on the installed host: commands of the location go to that door from now on."""

import ssl
import sys
from pathlib import Path

import httpx

API = "https://api.example.org/api/v1/"
SECRET = Path("/opt/private/installation/secrets/admin")


def main() -> None:
    tls = ssl.create_default_context(cafile="/etc/wod/tls/own.crt")
    with httpx.Client(base_url=API, verify=tls, trust_env=False) as api:
        account = {"username": "admin", "password": SECRET.read_text().strip()}
        token = api.post("login", json=account).raise_for_status().json()["access_token"]
        route = {"gate_host": sys.argv[1], "gate_port": int(sys.argv[2])}
        api.patch("locations/1", json=route, headers={"Authorization": f"Bearer {token}"}).raise_for_status()


if __name__ == "__main__":
    main()
