"""``wod class``: thin over the API, with what does not fit and what is broken as tables."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli_platform import WORKSHOP, Platform, Terminal


def _times(begins: timedelta) -> tuple[str, ...]:
    start = datetime.now(UTC) + begins
    return "--from", start.isoformat(), "--until", (start + timedelta(hours=1)).isoformat()


async def test_a_class_from_its_booking_to_its_end(platform: Platform, operator: Terminal, tmp_path: Path) -> None:
    soon = _times(timedelta(minutes=5))
    taught = await operator.json("class", "book", WORKSHOP, "--seats", 2, *soon, "--title", "Summit")
    identity = taught["id"]
    roster = tmp_path / "roster.csv"
    roster.write_text("email,name\nada@example.org,Ada\n")
    assert (await operator.json("class", "roster", identity, roster, "--dry-run"))["invited"] == 1
    assert (await operator.json("class", "roster", identity, roster))["invited"] == 1
    answer = await platform.api.register(join_code=taught["code"])
    [row] = (await operator.json("class", "participants", identity))["items"]
    assert row["email"] == "ada@example.org"
    assert (await operator.json("class", "invitations", identity))["items"][0]["joined"] is True
    await operator.json("class", "help-done", identity, answer.json()["id"])
    spoken = await operator.json("class", "speak", identity, "--terms", "1")
    assert spoken["username"] == "student3"
    assert "token" not in spoken
    assert (await operator.json("class", "change", identity, "--title", "Other"))["title"] == "Other"
    assert (await operator.json("class", "new-code", identity))["code"] != taught["code"]
    await operator.json("class", "open", identity)
    assert (await operator.json("class", "end", identity))["end_reason"] == "instructor"
    assert (await operator.json("class", "list", "--coming"))["items"] == []
    assert [row["id"] for row in (await operator.json("class", "list", "--over"))["items"]] == [identity]


async def test_what_does_not_fit_and_what_is_broken_is_listed(operator: Terminal, tmp_path: Path) -> None:
    later = _times(timedelta(hours=5))
    taught = await operator.json("class", "book", WORKSHOP, "--seats", 3, *later, "--no-speaker")
    refused = await operator.run("class", "book", WORKSHOP, "--seats", 2, *later, "--json")
    assert (refused.status, refused.problem["type"]) == (1, "class-does-not-fit")
    assert refused.problem["alternatives"][0]["location_name"] == "Grenoble"
    roster = tmp_path / "roster.csv"
    roster.write_text("email,name\nnonsense,Ada\n")
    broken = await operator.run("class", "roster", taught["id"], roster)
    assert broken.status == 1
    assert "line 2" in broken.err
    assert "nonsense" in broken.err
    assert "no time" in await operator.refused(2, "class", "change", taught["id"], "--from", "tomorrow")
    assert "cannot be read" in await operator.refused(2, "class", "roster", taught["id"], tmp_path / "none.csv")
