"""Figures that leave for elsewhere: whole, streamed, and without anything of a person."""

import csv
import json

from cli_platform import WORKSHOP, Platform, Terminal

PERSON = ("ada@example.org", "Ada", "Analytical Engines")


async def registered(platform: Platform) -> None:
    """Two, one of them with a running lab, and more than fit on a page."""
    await platform.running()
    await platform.api.change("UPDATE registrations SET company = 'Analytical Engines', completion_so_far = 40")
    await platform.api.change(
        "INSERT INTO registrations (state, workshop_id, placement_id, location_id, student_id, generation, name, email, "
        "email_key, company, terms_version, link_nonce, duration, range_first, content_version, cleaned_at, created_at) "
        "SELECT 'ended', workshop_id, placement_id, location_id, student_id, 1, name, email, 'key' || n, company, '1', "
        "'x', duration, 1, 'abc', now(), '2026-01-01' FROM registrations, generate_series(1, 600) AS n"
    )


async def test_as_a_table(platform: Platform, operator: Terminal) -> None:
    await registered(platform)
    await platform.api.change("UPDATE workshops SET name = '=cmd()', category = '[\"a\", \"b\"]'")
    ran = await operator.run("export")
    rows = list(csv.DictReader(ran.out.splitlines()))
    assert (ran.status, len(rows), ran.err) == (0, 601, "")
    assert len({row["id"] for row in rows}) == 601
    running = rows[-1]
    assert (running["workshop"], running["state"], running["completion"]) == (WORKSHOP, "running", "40")
    # a table's program reckons with nothing of ours
    assert (running["workshop_name"], running["category"]) == ("'=cmd()", "a; b")
    assert not any(word in ran.out for word in PERSON)


async def test_for_a_bulk_request_into_a_new_file(platform: Platform, operator: Terminal) -> None:
    await registered(platform)
    file = platform.terminal.home / "bulk.ndjson"
    words = ("export", "--format", "ndjson", "--index", "labs", "--output", file, "--since", "2026-02-01")
    ran = await operator.run(*words)
    assert (ran.status, ran.out) == (0, "")
    action, document = (json.loads(line) for line in file.read_text().splitlines())
    assert action == {"index": {"_index": "labs", "_id": str(document["id"])}}
    assert document["location"] == "Grenoble"
    assert document["ready_at"] is not None
    assert not any(word in file.read_text() for word in PERSON)
    assert "new file" in await operator.refused(2, *words)
    assert "no moment" in await operator.refused(2, "export", "--since", "soon")


async def test_as_one_document(platform: Platform, operator: Terminal) -> None:
    assert await operator.json("export") == {"items": []}
    await registered(platform)
    assert len((await operator.json("export"))["items"]) == 601
    assert len((await operator.json("export", "--workshop", WORKSHOP, "--location", 1))["items"]) == 601
    assert "location 2" in await operator.refused(1, "export", "--location", 2)
    assert "WKSHP-Nowhere" in await operator.refused(1, "export", "--workshop", "WKSHP-Nowhere")
    assert (await operator.json("statistics", "--until", "2026-01-02"))["registrations"] == 600
