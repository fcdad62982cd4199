from pathlib import Path

import pytest
from agent_doubles import settings_for

from wod_backend_agent.heartbeat import NativeHeartbeats
from wod_backend_agent.legacy_reporting import LegacyReporter, NoHeartbeats
from wod_backend_agent.outside import real_parts
from wod_backend_agent.reporting import NativeReporter


async def test_what_a_killed_agent_has_left_of_its_runs_is_gone_at_the_next_start(tmp_path: Path) -> None:
    runs = tmp_path / "state" / "runs"
    (runs / "of-a-superseded-create").mkdir(parents=True)
    (runs / "of-a-superseded-create" / "variables.yml").write_text("PASSSTU: secret")
    async with real_parts(settings_for(tmp_path)):
        assert list(runs.iterdir()) == []


@pytest.mark.parametrize(
    ("reporter", "kinds"),
    [("native", (NativeReporter, NativeHeartbeats)), ("legacy", (LegacyReporter, NoHeartbeats))],
)
async def test_the_setting_says_which_api_db_is_reported_to(
    tmp_path: Path, reporter: str, kinds: tuple[type, type]
) -> None:
    (tmp_path / "state").mkdir()
    async with real_parts(settings_for(tmp_path, reporter=reporter)) as outside:
        assert (type(outside.reporter), type(outside.heartbeats)) == kinds
