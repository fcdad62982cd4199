"""Run under an account of its own: delivers, measures and cleans, and says whether the home was closed to it."""

import asyncio
import json
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import SecretStr

from wod_backend_agent.delivery.ansible import AnsibleDelivery
from wod_backend_agent.delivery.base import Deployment, Seat
from wod_backend_agent.delivery.hub import HubDelivery
from wod_backend_agent.hub_client import JupyterHub
from wod_backend_agent.trees import Trees

WORKSHOP = "WKSHP-Small"


async def main(asked: dict[str, str]) -> dict[str, Any]:
    own, home = Path(asked["own"]), Path(asked["home"])
    for name in ("runs", "delivered"):
        (own / name).mkdir()
    trees = Trees([own / "notebooks"])
    ansible = AnsibleDelivery(
        trees=trees, homes=home.parent, runs=own / "runs", delivered=own / "delivered", variables={}
    )
    seat = Seat(int(home.name.removeprefix("student")), home)
    async with aclosing(ansible), JupyterHub(asked["url"], SecretStr(asked["token"])) as hub:
        delivery = HubDelivery(trees=trees, renderer=ansible, hub=hub, hub_url=asked["url"], runs=own / "runs")
        await delivery.create(Deployment(uuid4(), seat, WORKSHOP, 1, SecretStr("the password")), lambda _step: None)
        closed = _is_closed(home)
        completion = await delivery.measure(uuid4(), seat, WORKSHOP)
        await delivery.clean(uuid4(), seat)
        again = await delivery.measure(uuid4(), seat, WORKSHOP)
        await delivery.clean(uuid4(), seat)
    return {"closed": closed, "completion": completion, "again": again}


def _is_closed(home: Path) -> bool:
    try:
        list(home.iterdir())
    except PermissionError:
        return True
    return False


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
