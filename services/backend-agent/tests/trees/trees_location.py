"""One location's folders with a public and a private tree, and a delivery on them."""

import subprocess
import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.base import DeliveryFailed, Deployment, Seat
from wod_backend_agent.trees import Trees

HOST = "lab.example.org"
INVENTORY = f"[production]\n{HOST} ansible_connection=local OF_THE_LINE=line IP-WKSHP-Small=10.0.0.7\n"
PASSWORD = "pa55-of-the-seat"
VAULT_PASSWORD = "vault-pa55word"


class Location:
    """With an overlay that has an inventory, unless a test takes it away."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.homes, self.runs, self.results = root / "homes", root / "runs", root / "delivered"
        self.public, self.private = root / "notebooks", root / "private"
        for folder in (self.homes, self.runs, self.results, self.public, self.private):
            folder.mkdir()
        self.seat = Seat(7, self.homes / "student7")
        self.trees = Trees([self.public], self.private, "production", HOST)
        self.overlay("inventory", INVENTORY)
        self.write("wod.yml", "%YAML 1.1\n---\nvarpass: true\nrange: [1, 9]\n")

    @property
    def delivery(self) -> AnsibleDelivery:
        return AnsibleDelivery(
            trees=self.trees,
            homes=self.homes,
            runs=self.runs,
            delivered=self.results,
            variables={"BY_LOCATION": "location", "WODBEFQDN": HOST},
        )

    def write(self, path: str, text: str) -> Path:
        """Into the workshop's folder."""
        return self.put(self.public / "WKSHP-Small" / path, text)

    def overlay(self, path: str, text: str) -> Path:
        return self.put(self.private / "ansible" / path, text)

    @staticmethod
    def put(file: Path, text: str) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    async def create(self, workshop: str = "WKSHP-Small") -> None:
        deployment = Deployment(uuid4(), self.seat, workshop, 1, SecretStr(PASSWORD))
        async with aclosing(self.delivery) as delivery:
            await delivery.create(deployment, lambda _step: None)

    async def rendered(self, template: str) -> str:
        self.write("a.sh", template)
        await self.create()
        return self.delivered("a.sh")

    def delivered(self, path: str, workshop: str = "WKSHP-Small") -> str:
        return (self.seat.home / workshop / path).read_text(encoding="utf-8")

    async def failure(self, template: str = "{{ TOKEN }}\n") -> str:
        with pytest.raises(DeliveryFailed) as failed:
            await self.rendered(template)
        assert list(self.runs.iterdir()) == []
        return str(failed.value)

    def open_with(self, password: str) -> Path:
        file = self.root / "vault-password"
        file.write_text(password)
        self.trees = replace(self.trees, vault_password_file=file)
        return file

    def encrypted(self, text: str, *, name: str | None = None) -> str:
        """A whole file, or one value under a name."""
        password = self.root / "their-password"
        password.write_text(VAULT_PASSWORD)
        do = ["encrypt_string", "--stdin-name", name] if name else ["encrypt", "--output", "-"]
        ran = subprocess.run(
            [Path(sys.executable).parent / "ansible-vault", *do, "--vault-password-file", password],
            input=text,
            capture_output=True,
            check=True,
            text=True,
        )
        return ran.stdout
