"""Words of a tree exchanged by a table: shown first, and nothing but its texts is ever touched."""

import json
import stat
from pathlib import Path

import pytest
from cli_platform import Terminal

TABLE = 'Acme,Our House\nAcme Labs,The "Lab"\nOur House,Theirs\n'


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "notebooks"
    (tree / ".git").mkdir(parents=True)
    (tree / ".git" / "config").write_text("Acme")
    (tree / "README.md").write_bytes("Acme Labs\r\nof Acm\u00e9, Acme\r\n".encode())
    (tree / "README.md").chmod(0o750)
    (tree / "logo.png").write_bytes(b"\x89PNG Acme\x00")
    (tree / "latin.txt").write_bytes("Acm\u00e9 Acme".encode("latin-1"))
    (tree / "plain.ipynb").write_text(json.dumps({"source": ["Acme\n"]}))
    (tmp_path / "outside.txt").write_text("Acme")
    (tree / "link.txt").symlink_to(tmp_path / "outside.txt")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "inside.txt").write_text("Acme")
    (tree / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "table.csv").write_text(TABLE.replace('"', '""').replace('The ""Lab""', '"The ""Lab"""'))
    return tree


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


async def test_it_is_shown_before_it_is_done(terminal: Terminal, tree: Path) -> None:
    before = contents(tree.parent)
    report = await terminal.json("rebrand", tree.parent / "table.csv", tree)
    assert contents(tree.parent) == before
    assert (report["applied"], report["files"]) == (False, 2)
    assert report["changes"][0] == {
        "file": "README.md",
        "line": 1,
        "before": "Acme Labs",
        # the longest word, and what was put in is not exchanged again
        "after": 'The "Lab"',
    }
    assert [change["after"] for change in report["changes"][1:]] == [
        "of Acm\u00e9, Our House",
        '{"source": ["Our House\\n"]}',
    ]


async def test_texts_of_the_tree_change_and_nothing_else(terminal: Terminal, tree: Path) -> None:
    before = contents(tree.parent)
    await terminal.json("rebrand", tree.parent / "table.csv", tree, "--apply")
    after = contents(tree.parent)
    changed = {Path(name).name for name, content in after.items() if content != before[name]}
    assert changed == {"README.md", "plain.ipynb"}
    assert (tree / "README.md").read_bytes() == 'The "Lab"\r\nof Acm\u00e9, Our House\r\n'.encode()
    assert stat.S_IMODE((tree / "README.md").stat().st_mode) == 0o750
    assert not list(tree.glob(".rebrand*"))


async def test_a_notebook_that_would_break_is_refused_and_stays(terminal: Terminal, tree: Path) -> None:
    (tree / "labs.ipynb").write_text(json.dumps({"source": ["Acme Labs"]}))
    ran = await terminal.run("rebrand", tree.parent / "table.csv", tree, "--apply", "--json")
    assert ran.status == 1
    assert [refusal["file"] for refusal in ran.document["refused"]] == ["labs.ipynb"]
    assert json.loads((tree / "labs.ipynb").read_text()) == {"source": ["Acme Labs"]}


@pytest.mark.parametrize(
    ("table", "said"),
    [("", "no row"), ("a\n", "row 1"), ("a,b\na,c\n", "row 2"), (",b\n", "row 1"), ('"a\nb",c\n', "line")],
)
async def test_a_table_that_is_none_is_refused_by_its_row(
    terminal: Terminal, tree: Path, table: str, said: str
) -> None:
    file = tree.parent / "broken.csv"
    file.write_text(table)
    assert said in await terminal.refused(2, "rebrand", file, tree)
    assert "no folder" in await terminal.refused(2, "rebrand", tree.parent / "table.csv", tree / "nowhere")
    assert "no tree" in await terminal.refused(2, "rebrand", tree.parent / "table.csv", "/")
