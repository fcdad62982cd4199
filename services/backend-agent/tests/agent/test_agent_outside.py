from pathlib import Path

from agent_doubles import settings_for

from wod_backend_agent.outside import real_parts


async def test_what_a_killed_agent_has_left_of_its_runs_is_gone_at_the_next_start(tmp_path: Path) -> None:
    runs = tmp_path / "state" / "runs"
    (runs / "of-a-superseded-create").mkdir(parents=True)
    (runs / "of-a-superseded-create" / "variables.yml").write_text("PASSSTU: secret")
    async with real_parts(settings_for(tmp_path)):
        assert list(runs.iterdir()) == []
