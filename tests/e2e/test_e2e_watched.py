"""What an operator sees of the running platform: one id in all logs, and every figure that alerts and dashboard name."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from visitor import Platform, until

MONITORING = Path(__file__).parents[2] / "infra/monitoring"
WORKSHOP = "WKSHP-Jupyter101"


def lines(platform: Platform, service: str, trace: str) -> list[dict[str, Any]]:
    text = (platform.stack.state.logs / f"{service}.log").read_text(errors="replace")
    return [json.loads(line) for line in text.splitlines() if f'"trace": "{trace}"' in line]


async def click(platform: Platform, email: str) -> tuple[str, str]:
    """The form as a browser sends it: the personal token, and the id that the answer names."""
    async with httpx.AsyncClient(base_url=platform.urls["portal"], timeout=30, trust_env=False) as browser:
        page = await browser.get(f"/workshops/{WORKSHOP}")
        token = re.search(r'name="form_token" value="([^"]+)"', page.text)
        assert token, page.text
        form = {"name": "Ada Martin", "email": email, "terms": "yes", "form_token": token[1]}
        # whatever a stranger says the id was, the portal makes its own
        answer = await browser.post(f"/workshops/{WORKSHOP}", data=form, headers={"X-Request-ID": "f" * 32})
    assert answer.status_code == 303, answer.text
    assert answer.headers["X-Request-ID"] != "f" * 32
    return answer.headers["location"].rsplit("/", 1)[1], answer.headers["X-Request-ID"]


@pytest.mark.timeout(240)
async def test_one_id_leads_from_the_click_to_ansibles_last_task(platform: Platform) -> None:
    token, trace = await click(platform, "trace@example.org")
    await platform.in_state(token, "running")
    await platform.mail("trace@example.org", "ready")
    await platform.end(token)
    await platform.cleaned(token)

    def said(service: str, event: str, **fields: str) -> list[dict[str, Any]]:
        found = lines(platform, service, trace)
        return [line for line in found if line["event"] == event and fields.items() <= line.items()]

    async def all_told() -> bool | None:
        return bool(said("worker", "mail sent", template="ended")) or None

    await until(all_told, "the last mail's line")
    assert said("portal", "answered", route="/workshops/{notebook}")
    assert said("api-db", "answered", route="/api/v1/registrations")
    [registered] = said("api-db", "registered")
    for verb in ("CREATE", "CLEANUP", "PURGE"):
        [sent] = said("worker", "command sent", verb=verb)
        assert said("mailgate", "mail decided", command=sent["command"])
        assert said("agent", "Ansible has done its task", command=sent["command"])
        assert said("agent", "command done", command=sent["command"])
    assert said("api-db", "answered", route="/api/v1/commands/{command_id}/events")
    logs = [(platform.stack.state.logs / f"{name}.log").read_text() for name in ("portal", "api-db", "worker")]
    assert registered["registration"]
    assert not any(token in log or "trace@example.org" in log for log in logs)


async def test_every_figure_of_the_alerts_and_the_dashboard_exists(platform: Platform) -> None:
    ports = platform.stack.settings.ports
    shown = ""
    for port in (ports.portal, ports.api, ports.agent, ports.mailgate_http):
        shown += (await platform.http.get(f"http://127.0.0.1:{port}/metrics")).text
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", shown, re.M))
    suffixes = {"histogram": ("_bucket", "_count", "_sum")}
    exist = {name + suffix for name, kind in kinds.items() for suffix in suffixes.get(kind, ("",))}
    rules = yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"][0]["rules"]
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    asked = [rule["expr"] for rule in rules] + [target["expr"] for panel in panels for target in panel["targets"]]
    named = {name for expression in asked for name in re.findall(r"\bwod_\w+", expression)}
    assert named - exist == set()
