"""The workshop's folder as a zip, from the seat's own server."""

import io
import zipfile

import httpx

from wod_backend_agent.hub_client import JupyterHub
from wod_jupyterhub.testing import Seat

ADDRESS = "/hub/user-redirect/wod/notebooks.zip"


async def test_the_holder_downloads_his_folder_and_no_link_leads_out_of_it(seat: Seat, client: JupyterHub) -> None:
    folder = seat.home / "WKSHP-API101"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / "1-First.ipynb").write_text('{"cells": []}')
    (folder / ".ipynb_checkpoints" / "old.ipynb").write_text("old")
    (folder / "link").symlink_to("/etc/passwd")
    (seat.home / "other.txt").write_text("not of the workshop")
    await client.start_server(seat.name)
    browser = await seat.browser()
    await browser.open_lab()
    answer = await browser.http.get(f"{ADDRESS}?folder=WKSHP-API101", follow_redirects=True)
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["WKSHP-API101/1-First.ipynb"]
        assert archive.read("WKSHP-API101/1-First.ipynb") == b'{"cells": []}'
    for name in ("", ".", "..", "../..", "WKSHP-None", "%2e%2e", ".ssh"):
        refused = await browser.http.get(f"{ADDRESS}?folder={name}", follow_redirects=True)
        assert refused.status_code == 404, name
    async with httpx.AsyncClient(base_url=browser.http.base_url, trust_env=False) as stranger:
        answer = await stranger.get(f"/user/{seat.name}/wod/notebooks.zip?folder=WKSHP-API101", follow_redirects=True)
        assert "/hub/login" in str(answer.url)
