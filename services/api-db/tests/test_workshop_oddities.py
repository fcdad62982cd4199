"""What else is found in content folders: taken, or refused with the place and the way out."""

import os
import socket
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from api_support import WOD_YML

from wod_api_db.workshops import importing
from wod_api_db.workshops.definition import KEYS, WorkshopDefinition
from wod_api_db.workshops.importing import ImportReport, import_workshops

BASE = WOD_YML.format(capacity=4, first=1, last=6, reset="false", duration=2)


def put(content: Path, metadata: str | bytes = BASE, name: str = "WKSHP-Git101") -> Path:
    folder = content / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wod.yml").write_bytes(metadata if isinstance(metadata, bytes) else metadata.encode())
    return folder


def read(content: Path, metadata: str) -> WorkshopDefinition:
    put(content, metadata)
    report = import_workshops([content])
    assert report.refusals == []
    [workshop] = report.workshops
    return workshop


def with_line(key: str, written: str) -> str:
    """The usual metadata, with this value for the key; a new key comes last."""
    lines = [line for line in BASE.splitlines() if not line.startswith(f"{key}:")]
    return "\n".join([*lines, f"{key}: {written}"]) + "\n"


def only_refusal(report: ImportReport) -> tuple[int | None, str]:
    assert report.workshops == []
    [refusal] = report.refusals
    return refusal.line, refusal.reason


@pytest.mark.parametrize(
    ("key", "written", "field", "value"),
    [
        ("preRequisite", "'A laptop: any.'", "pre_requisite", "A laptop: any."),
        ("preRequisite", "tbd", "pre_requisite", ""),
        ("extensions", "0", "extensions", 0),
        ("extensions", "'20'", "extensions", 20),
        ("extension", "1.5", "extension", timedelta(minutes=90)),
        ("extension", "", "extension", None),
        ("noShow", "0.5", "no_show", timedelta(minutes=30)),
        ("noShow", "false", "no_show", None),
        ("noShow", "???", "no_show", None),
        ("alternateLocation", "Mougins", "alternate_location", ("Mougins",)),
        ("alternateLocation", "['tbd', Mougins, Mougins, '']", "alternate_location", ("Mougins",)),
        ("category", "['???']", "category", ()),
        ("active", "yes", "active", True),
        ("active", "On", "active", True),
        ("reset", "off", "reset", False),
        ("beta", "NO", "beta", False),
        ("compile", "off", "compile", ()),
        ("compile", "'one.sh,two.sh,'", "compile", ("one.sh", "two.sh")),
        ("range", "1981-1985", "range", (1981, 1985)),
        ("range", "[ '1981 - 1985' ]", "range", (1981, 1985)),
        ("range", "\n  - 7\n  - 9", "range", (7, 9)),
        ("description", ">\n  one\n  two", "description", "one two"),
        ("presenter", "Zoë 🦊", "presenter", "Zoë 🦊"),
        ("presenter", "Ada & Bob", "presenter", "Ada & Bob"),
        ("location", "'mougins'", "location", "mougins"),
        ("replayLink", " \t'https://example.org/r '", "replay_link", "https://example.org/r"),
        ("name", "Code 👩\u200d💻", "name", "Code 👩\u200d💻"),
        (
            "name",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "name",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
    ],
)
def test_values_as_they_are_written(tmp_path: Path, key: str, written: str, field: str, value: Any) -> None:
    assert getattr(read(tmp_path, with_line(key, written)), field) == value


@pytest.mark.parametrize(
    ("key", "way_out"),
    [
        ("alternatLocation", "write alternateLocation, if that is meant"),
        ("replaylink", "write replayLink, if that is meant"),
        ("videoLink", "remove it or mend its name"),
        ("'\u202e'", "remove it or mend its name"),
    ],
)
def test_a_mistyped_key_is_noted_with_what_may_be_meant(tmp_path: Path, key: str, way_out: str) -> None:
    put(tmp_path, f"{BASE}{key}: x\n")
    [note] = import_workshops([tmp_path]).notes
    assert note.reason.endswith(f"is not known and is ignored; {way_out}")
    assert note.line == len(BASE.splitlines()) + 1


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    workshop = read(tmp_path, BASE)
    assert (workshop.pre_requisite, workshop.extensions, workshop.extension, workshop.no_show) == ("", 1, None, None)


@pytest.mark.parametrize(
    ("key", "written", "reason"),
    [
        ("capacity", "0o10", "whole number"),
        ("capacity", "0x1F", "whole number"),
        ("capacity", "007", "whole number"),
        ("capacity", "1_000", "whole number"),
        ("capacity", "+5", "whole number"),
        ("capacity", "1:30", "whole number"),
        ("capacity", "4.0", "whole number"),
        ("capacity", "yes", "whole number"),
        ("capacity", "[4]", "whole number"),
        ("capacity", "99999999999999999999", "whole number"),
        ("range", "[010, 020]", "such as [1, 6]"),
        ("range", "['1985-1981']", "the last no smaller"),
        ("range", "[1, 99999999]", "at most 999999"),
        ("range", "['1981-1985', '1990-1995']", "such as [1, 6]"),
        ("range", "tbd", "such as [1, 6]"),
        ("active", "2026-11-23", "write true or false"),
        ("active", "y", "write true or false"),
        ("active", "", "write true or false"),
        ("duration", "2h", "such as 2 or 1.5"),
        ("duration", "0.000000001", "above 0"),
        ("duration", "tbd", "such as 2 or 1.5"),
        ("extensions", "21", "from 0 to 20"),
        ("extensions", "-1", "from 0 to 20"),
        ("extensions", "1.5", "from 0 to 20"),
        ("extension", "0", "above 0"),
        ("extension", "1000", "up to 744"),
        ("noShow", "true", "such as 2 or 1.5"),
        ("noShow", "-1", "above 0"),
        ("preRequisite", "[a, b]", "put it in quotes"),
        ("preRequisite", "12", "put it in quotes"),
        ("alternateLocation", "[" + "a," * 21 + "]", "at most 20"),
        ("alternateLocation", "[[a]]", "put it in quotes"),
        ("description", '"a\\ud800b"', "printable"),
        ("description", '"a\\0b"', "printable"),
        ("description", '"a\\u202eb"', "printable"),
        ("description", '"a\\u200bb"', "printable"),
        ("compile", "'a.sh; rm -rf /'", "without folders"),
        ("badgeImg", "'WOD Badge'", "begins with https://"),
    ],
)
def test_what_only_looks_right_is_refused(tmp_path: Path, key: str, written: str, reason: str) -> None:
    metadata = with_line(key, written)
    put(tmp_path, metadata)
    line, said = only_refusal(import_workshops([tmp_path]))
    assert said.startswith(f"{key} is ")
    assert reason in said
    assert line == len(metadata.splitlines())


@pytest.mark.parametrize("key", sorted(KEYS))
def test_any_key_stands_once(tmp_path: Path, key: str) -> None:
    put(tmp_path, with_line(key, "1") + f"{key}: 2\n")
    line, reason = only_refusal(import_workshops([tmp_path]))
    assert line == len(with_line(key, "1").splitlines()) + 1
    assert reason == f"{key!r} stands already on line {line - 1}; keep one of the two"


@pytest.mark.timeout(20)
def test_a_file_of_keys_alone_is_refused(tmp_path: Path) -> None:
    put(tmp_path, BASE + "".join(f"replayLin{number}: 1\n" for number in range(3000)))
    assert only_refusal(import_workshops([tmp_path])) == (
        2 + 200 + 1,
        "more than 200 keys; a wod.yml holds a card's text, no more",
    )


def test_a_bomb_of_aliases_is_not_unfolded(tmp_path: Path) -> None:
    put(tmp_path, BASE + "a: &a [x, x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a, *a]\n" for n in range(50)))
    line, reason = only_refusal(import_workshops([tmp_path]))
    assert (line, "anchors" in reason) == (len(BASE.splitlines()) + 1, True)


@pytest.mark.parametrize("merge", ["<<: *base", "<<: {active: false}"])
def test_nothing_is_merged_in(tmp_path: Path, merge: str) -> None:
    put(tmp_path, f"{BASE}{merge}\n")
    assert only_refusal(import_workshops([tmp_path]))[0] == len(BASE.splitlines()) + 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_other_encodings_are_refused(tmp_path: Path, encoding: str) -> None:
    put(tmp_path, BASE.replace("'Ada'", "'Zoë'").encode(encoding))
    line, reason = only_refusal(import_workshops([tmp_path]))
    assert reason == "not UTF-8; save the file in that encoding"
    assert line == next(n for n, row in enumerate(BASE.splitlines(), 1) if "Ada" in row) if encoding == "latin-1" else 1


def test_a_no_show_that_comes_too_late_is_noted(tmp_path: Path) -> None:
    put(tmp_path, with_line("noShow", "2"))
    [note] = import_workshops([tmp_path]).notes
    assert note.reason == "noShow is no shorter than the duration: nobody is ever reminded"


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [("MAX_FILES", 2, "larger than 2 files"), ("MAX_FOLDER_BYTES", 700, "makes the workshop larger")],
)
def test_a_folder_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, reason: str
) -> None:
    folder = put(tmp_path)
    (folder / "1.csv").write_text("x" * 300)
    (folder / "2.csv").write_text("x" * 300)
    assert import_workshops([tmp_path]).refusals == []
    monkeypatch.setattr(importing, limit, value)
    assert reason in only_refusal(import_workshops([tmp_path]))[1]


@pytest.mark.timeout(20)
def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (put(tmp_path) / "disk.img").open("wb") as hole:
        hole.truncate(2**40)
    assert "keep such data elsewhere" in only_refusal(import_workshops([tmp_path]))[1]


def test_a_folder_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    deep = put(tmp_path)
    for _ in range(importing.MAX_FOLDER_DEPTH + 1):
        deep = deep / "d"
    deep.mkdir(parents=True)
    assert "lies deeper than 32 folders" in only_refusal(import_workshops([tmp_path]))[1]


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(put(tmp_path))  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert "is a link or a device" in only_refusal(import_workshops([tmp_path]))[1]


def test_a_device_is_refused(tmp_path: Path) -> None:
    try:
        os.mknod(put(tmp_path) / "zero", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")
    assert "is a link or a device" in only_refusal(import_workshops([tmp_path]))[1]


def test_a_folder_in_place_of_the_metadata_is_refused(tmp_path: Path) -> None:
    (tmp_path / "WKSHP-Git101" / "wod.yml").mkdir(parents=True)
    assert "cannot be read (Is a directory)" in only_refusal(import_workshops([tmp_path]))[1]


def test_a_link_that_leads_nowhere_or_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "WKSHP-Nowhere").symlink_to(tmp_path / "nothing")
    (tmp_path / "WKSHP-Loop").symlink_to(tmp_path / "WKSHP-Loop")
    refusals = import_workshops([tmp_path]).refusals
    assert [(refusal.file.name, refusal.reason.partition(";")[0]) for refusal in refusals] == [
        ("WKSHP-Loop", "is not a folder of its own"),
        ("WKSHP-Nowhere", "is not a folder of its own"),
    ]


def test_names_of_any_bytes_are_shown_printable(tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/WKSHP-\xff\x1b[2J\n")  # noqa: PTH102 - a name that is no text
    put(tmp_path)
    (tmp_path / "WKSHP-Git101" / os.fsdecode(b"\xfe.txt")).symlink_to("/etc/passwd")
    said = [str(refusal) for refusal in import_workshops([tmp_path]).refusals]
    assert len(said) == 2
    assert all(line.isprintable() and line.encode() for line in said)
    assert "\\xfe.txt" in said[0]


@pytest.mark.parametrize("name", ["CHLG-Git101", "Git101", "wkshp-Git101"])
def test_a_workshop_under_another_name_is_noted(tmp_path: Path, name: str) -> None:
    put(tmp_path, name=name)
    report = import_workshops([tmp_path])
    assert (report.workshops, report.refusals, report.empty) == ([], [], [tmp_path])
    assert [(note.file.name, note.reason) for note in report.notes] == [
        (name, "is left out: the name of a workshop's folder begins with WKSHP-")
    ]


def test_files_beside_the_workshops_do_no_harm(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "README.md").write_text("About these workshops.")
    (tmp_path / ".git").mkdir()
    report = import_workshops([tmp_path])
    assert (len(report.workshops), report.refusals, report.notes, report.empty) == (1, [], [], [])


def test_a_file_in_place_of_a_content_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    report = import_workshops([file])
    assert [str(refusal) for refusal in report.refusals] == [
        f"{file}: is not a folder; name a content folder that exists"
    ]
    assert report.empty == [file]
