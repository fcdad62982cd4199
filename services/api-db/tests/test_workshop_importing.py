import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wod_api_db.workshops.definition import WorkshopDefinition
from wod_api_db.workshops.importing import import_workshops
from wod_common.plain_yaml import MalformedYaml
from wod_common.wod_yml import SeatRange, read_metadata

REAL = Path(os.environ.get("WOD_SHARED", Path(__file__).parents[4] / "shared")) / "real-workshops"
HEAD = "%YAML 1.1\n# about\n---\n"
BASE: dict[str, str] = {
    "name": "'Git without fear'",
    "active": "true",
    "capacity": "4",
    "range": "[1,6]",
    "duration": "2",
}


def text(**changes: str) -> str:
    return HEAD + "".join(f"{key}: {value}\n" for key, value in (BASE | changes).items())


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    folder.mkdir()
    return folder


def put(content: Path, metadata: str | bytes, name: str = "WKSHP-Git101") -> Path:
    folder = content / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wod.yml").write_bytes(metadata if isinstance(metadata, bytes) else metadata.encode())
    (folder / "0-ReadMeFirst.ipynb").write_text("{}")
    return folder


def imported(content: Path, metadata: str) -> WorkshopDefinition:
    put(content, metadata)
    report = import_workshops([content])
    assert report.refusals == []
    [workshop] = report.workshops
    return workshop


def refused(content: Path, metadata: str | bytes) -> tuple[int | None, str]:
    put(content, metadata)
    report = import_workshops([content])
    assert report.workshops == []
    [refusal] = report.refusals
    assert refusal.file == content / "WKSHP-Git101" / "wod.yml"
    return refusal.line, refusal.reason


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real workshops at {REAL}; set WOD_SHARED")
def test_real_workshops_are_imported() -> None:
    report = import_workshops([REAL])
    found = {workshop.notebook: workshop for workshop in report.workshops}
    assert report.refusals == []
    assert found.keys() == {"WKSHP-API101", "WKSHP-K8S101", "WKSHP-Python101"}
    assert found["WKSHP-API101"].range == SeatRange(1, 6)
    assert found["WKSHP-API101"].badge_img == "WOD-Badge-API101"
    assert found["WKSHP-API101"].category == ("Open Source",)
    assert found["WKSHP-K8S101"].reset is True
    assert found["WKSHP-Python101"].duration == timedelta(hours=2)


@pytest.mark.parametrize(
    ("key", "written", "field", "read"),
    [
        ("range", "[52,91]", "range", SeatRange(52, 91)),
        ("range", "['1981-1985']", "range", SeatRange(1981, 1985)),
        ("range", "[1981-1985]", "range", SeatRange(1981, 1985)),
        ("compile", "false", "compile", ()),
        ("compile", "'a.sh, b.sh'", "compile", ("a.sh", "b.sh")),
        ("compile", "check.sh", "compile", ("check.sh",)),
        ("badgeImg", "WOD-Badge-Git101", "badge_img", "WOD-Badge-Git101"),
        ("badgeImg", "https://example.org/b.png", "badge_img", "https://example.org/b.png"),
        ("badgeImg", "tbd", "badge_img", ""),
        ("workshopImg", "'???'", "workshop_img", ""),
        ("workshopImg", "", "workshop_img", ""),
        ("workshopImg", "???", "workshop_img", ""),
        ("replayLink", "'TBD '", "replay_link", ""),
        ("avatar", "/img/ada.png", "avatar", "/img/ada.png"),
        ("active", "yes", "active", True),
        ("active", "'false'", "active", False),
        ("duration", "0.02", "duration", timedelta(seconds=72)),
        ("duration", "'1.5'", "duration", timedelta(minutes=90)),
        ("category", "Open Source", "category", ("Open Source",)),
        ("alternateLocation", "['grenoble', 'mougins']", "alternate_location", ("grenoble", "mougins")),
        ("sessionType", "Coding Challenge", "session_type", "Coding Challenge"),
        ("role", "'\tDeveloper'", "role", "Developer"),
        ("replayId", "9", "replay_id", 9),
        ("replayId", "", "replay_id", None),
        ("monoappliance", "true", "monoappliance", True),
    ],
)
def test_what_authors_write_is_understood(content: Path, key: str, written: str, field: str, read: Any) -> None:
    assert getattr(imported(content, text(**{key: written})), field) == read


def test_a_tab_between_key_and_value_is_a_blank(content: Path) -> None:
    workshop = imported(content, text().replace("capacity: 4", "capacity:\t4\t").replace("active: ", "active: \t"))
    assert (workshop.capacity, workshop.active) == (4, True)


def test_windows_line_ends_and_a_byte_order_mark_are_tolerated(content: Path) -> None:
    assert imported(content, "\ufeff" + text().replace("\n", "\r\n")).name == "Git without fear"


def test_the_session_is_a_workshop_unless_it_says_otherwise(content: Path) -> None:
    assert imported(content, text()).session_type == "Workshops-on-Demand"


@pytest.mark.parametrize(
    ("key", "written", "reason"),
    [
        ("range", "[6,1]", "range is [6, 1]"),
        ("range", "[0,6]", "at least 1"),
        ("range", "[1,2,3]", "such as [1, 6]"),
        ("range", "[true,6]", "such as [1, 6]"),
        ("range", "7", "such as [1, 6]"),
        ("capacity", "-1", "capacity is -1"),
        ("capacity", "many", "whole number from 0"),
        ("capacity", "010", "whole number from 0"),
        ("active", "perhaps", "write true or false"),
        ("active", "1", "write true or false"),
        ("duration", "0", "above 0"),
        ("duration", "1:30", "such as 2 or 1.5"),
        ("duration", "1e9", "above 0"),
        ("duration", ".inf", "above 0"),
        ("duration", "999999", "up to 744"),
        ("compile", "../../etc/passwd", "without folders"),
        ("compile", "true", "write false, or names"),
        ("compile", "[1]", "without folders"),
        ("name", "no", "put it in quotes"),
        ("name", "", "write a text"),
        ("name", "[a]", "put it in quotes"),
        ("replayLink", "'javascript:alert(1)'", "begins with https://"),
        ("replayLink", "'JaVaScRiPt:alert(1)'", "begins with https://"),
        ("replayLink", "//evil.example/x", "begins with https://"),
        ("replayLink", "'/\\evil.example'", "begins with https://"),
        ("replayLink", "'https://user@evil.example'", "begins with https://"),
        ("replayLink", "'https://[::1'", "begins with https://"),
        ("workshopImg", "'data:text/html,x'", "begins with https://"),
        ("badgeImg", "../x.png", "begins with https://"),
        ("avatar", "ftp://example.org/a", "begins with https://"),
        ("sessionType", "Party", "'Workshops-on-Demand' or 'Coding Challenge'"),
        ("description", '"a\\u202eb"', "printable"),
        ("presenter", "{a: b}", "keys below a key"),
        ("category", "[[a]]", "put it in quotes"),
    ],
)
def test_a_bad_value_is_refused_with_its_line_and_the_way_out(
    content: Path, key: str, written: str, reason: str
) -> None:
    changed = text(**{key: written})
    line, said = refused(content, changed)
    assert reason in said
    assert line == next(n for n, row in enumerate(changed.splitlines(), 1) if row.startswith(f"{key}:"))


@pytest.mark.parametrize("key", BASE)
def test_a_missing_key_is_named(content: Path, key: str) -> None:
    line, said = refused(content, text().replace(f"{key}: {BASE[key]}\n", ""))
    assert (line, said) == (None, f"{key} is missing; add a line '{key}: ...'")


def test_all_faults_of_a_file_are_named_at_once(content: Path) -> None:
    put(content, text(active="perhaps", duration="0"))
    lines = [refusal.line for refusal in import_workshops([content]).refusals]
    assert lines == [5, 8]


@pytest.mark.parametrize(
    ("metadata", "line", "reason"),
    [
        (text() + "name: twice\n", 9, "'name' stands already on line 4"),
        (text(role="&a x"), 9, "anchors"),
        (text(role="*a"), 9, "aliases"),
        (text(role="!!python/object/apply:os.system [id]"), 9, "tag"),
        (text(role="!!bool x"), 9, "tag"),
        (text(role="[" * 5000), 9, "nested deeper"),
        (HEAD + "- a\n- b\n", 4, "not a list of keys"),
        ("", None, "not a list of keys"),
        (HEAD + "? [a]\n: b\n", 4, "a key is a single word"),
        (text(role="a: b: c"), 9, "not valid YAML"),
        (text(role="a\t# b"), 9, "write blanks, not tabs"),
        (text(role="'open"), None, "not valid YAML"),
        (text().encode() + b"role: \xff\n", 9, "not UTF-8"),
        (text(role="a\x07b"), 9, "U+0007"),
        (text(description="x" * 70_000), None, "larger than 64 KiB"),
        ("%YAML 2.0\n---\nname: x\n", 1, "not valid YAML"),
        (text() + "---\nname: other\n", None, "not valid YAML"),
    ],
)
def test_what_is_not_plain_yaml_is_refused(content: Path, metadata: str | bytes, line: int | None, reason: str) -> None:
    at, said = refused(content, metadata)
    assert reason in said
    assert line is None or at == line


@pytest.mark.timeout(10)
@pytest.mark.parametrize("filling", [" ", "\t", (" " * 300 + "\t"), "a", "a ", "[", "{a,", "- ", "''"])
def test_a_file_full_of_one_thing_is_read_in_time(filling: str) -> None:
    metadata = "a: " + filling * (65_000 // len(filling)) + "x"
    with suppress(MalformedYaml):
        read_metadata(metadata.encode())


def test_unknown_keys_are_noted_and_the_workshop_is_taken(content: Path) -> None:
    put(content, text(videoLink="https://example.org/v", notebook="WKSHP-Other"))
    report = import_workshops([content])
    assert len(report.workshops) == 1
    assert [note.line for note in report.notes] == [9, 10]
    assert "'videoLink' is not known" in report.notes[0].reason
    assert report.workshops[0].notebook == "WKSHP-Git101"


def test_a_capacity_beyond_the_range_is_noted(content: Path) -> None:
    put(content, text(capacity="20"))
    [note] = import_workshops([content]).notes
    assert (note.line, note.reason) == (
        6,
        "capacity is 20 but the range has 6 seats: at most 6 are let in at once",
    )


def test_notebooks_that_cannot_be_valid_are_noted_and_the_workshop_is_taken(content: Path) -> None:
    folder = put(content, text())
    files = {
        "0.ipynb": b'{"nbformat": 4, "cells": []}',
        "1.ipynb": b'{"cells": [\n,]}',
        "2.ipynb": b'{"cells": [{{ CELLS }}]}',
        "3.ipynb": b'{"nbformat": 4, \xff}',
        "5.ipynb": b"[" * 100_000,
        ".ipynb_checkpoints/6.ipynb": b"{",
        "deep/7.ipynb": b"",
        "not.json": b"{",
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    report = import_workshops([content])
    assert len(report.workshops) == 1
    found = [(note.file.relative_to(folder).as_posix(), note.line, note.reason.split(";")[0]) for note in report.notes]
    assert found == [
        ("1.ipynb", 2, "is not JSON: Expecting value"),
        ("3.ipynb", None, "is not UTF-8"),
        ("5.ipynb", None, "is nested too deeply, or has a number that is too long"),
        ("deep/7.ipynb", 1, "is not JSON: Expecting value"),
    ]


def test_one_bad_workshop_does_not_stop_the_others(content: Path) -> None:
    put(content, "nonsense", "WKSHP-A")
    put(content, text(), "WKSHP-B")
    (content / "WKSHP-C").mkdir()
    put(content, text(), "WKSHP-not this")
    report = import_workshops([content, content / "absent"])
    assert [workshop.notebook for workshop in report.workshops] == ["WKSHP-B"]
    assert [refusal.file.relative_to(content).as_posix() for refusal in report.refusals] == [
        "absent",
        "WKSHP-A/wod.yml",
        "WKSHP-C/wod.yml",
        "WKSHP-not this",
    ]


def test_the_first_folder_that_has_a_name_wins(tmp_path: Path) -> None:
    put(tmp_path / "public", text(name="Public"))
    put(tmp_path / "private", text(name="Private"))
    put(tmp_path / "private", text(name="Secret"), "WKSHP-Secret")
    report = import_workshops([tmp_path / "public", tmp_path / "private"])
    assert [workshop.name for workshop in report.workshops] == ["Public", "Secret"]
    [note] = report.notes
    assert str(note) == f"{tmp_path}/private/WKSHP-Git101: is left out: {tmp_path}/public/WKSHP-Git101 comes first"


def test_a_refusal_reads_like_a_compilers(content: Path) -> None:
    folder = put(content, text(active="perhaps"))
    [refusal] = import_workshops([content]).refusals
    assert str(refusal) == f"{folder / 'wod.yml'}:5: active is 'perhaps': write true or false"


@pytest.mark.parametrize("link", ["answers.txt", "wod.yml", "deep/er.txt"])
def test_links_are_refused(content: Path, tmp_path: Path, link: str) -> None:
    folder = put(content, text())
    outside = tmp_path / "outside"
    outside.write_text(text())
    (folder / "deep").mkdir()
    (folder / link).unlink(missing_ok=True)
    (folder / link).symlink_to(outside)
    report = import_workshops([content])
    assert report.workshops == []
    assert [refusal.file for refusal in report.refusals] == [folder / link]


def test_a_linked_folder_is_refused(content: Path, tmp_path: Path) -> None:
    (content / "WKSHP-Git101").symlink_to(put(tmp_path / "elsewhere", text()))
    report = import_workshops([content])
    assert (report.workshops, len(report.refusals)) == ([], 1)


def test_a_named_pipe_is_refused_and_not_waited_for(content: Path) -> None:
    os.mkfifo(put(content, text()) / "pipe")
    assert import_workshops([content]).workshops == []


def test_the_content_version_follows_names_and_bytes(content: Path) -> None:
    first = imported(content, text()).content_version
    assert imported(content, text()).content_version == first
    notebook = content / "WKSHP-Git101" / "0-ReadMeFirst.ipynb"
    notebook.write_text("{ }")
    second = imported_version(content)
    notebook.rename(notebook.with_name("1-ReadMeFirst.ipynb"))
    assert len({first, second, imported_version(content)}) == 3


def imported_version(content: Path) -> str:
    [workshop] = import_workshops([content]).workshops
    return workshop.content_version


def test_checkpoints_do_not_change_the_content_version(content: Path) -> None:
    first = imported(content, text()).content_version
    checkpoints = content / "WKSHP-Git101" / ".ipynb_checkpoints"
    checkpoints.mkdir()
    (checkpoints / "0-ReadMeFirst-checkpoint.ipynb").write_text("{}")
    assert imported_version(content) == first


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.dates()


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from([*BASE, "compile", "badgeImg", "replayLink", "category", "x"]), scalars | st.lists(scalars)
    )
)
def test_no_values_break_the_import(content: Path, values: dict[str, Any]) -> None:
    put(content, text().encode() + yaml.safe_dump(values, allow_unicode=True).encode("utf-8", "replace"))
    put(content, yaml.safe_dump(values, allow_unicode=True).encode("utf-8", "replace"), "WKSHP-Other")
    report = import_workshops([content])
    assert len(report.workshops) + len({refusal.file.parent for refusal in report.refusals}) == 2


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="&*!{}[]:,-?|>'\"%#\t\n ab1", max_size=200).map(str.encode))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        entries = read_metadata(data)
    except MalformedYaml:
        return
    assert all(entry.line >= 1 for entry in entries.values())
