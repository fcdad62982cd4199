"""Each rule catches its offence, and lets the decent form pass."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

_spec = spec_from_file_location("check_house", Path(__file__).parents[1] / "check_house.py")
assert _spec is not None
assert _spec.loader is not None
house = module_from_spec(_spec)
sys.modules["check_house"] = house
_spec.loader.exec_module(house)

HOME = "/ho" + "me/"
REGISTRY = "py" + "pi.org"


def rules(path: str, text: str) -> list[str]:
    return [finding.rule for finding in house.check(path, text)]


@pytest.mark.parametrize(
    ("path", "text", "word"),
    [
        ("a/tests/test_a.py", "import time\ntime.sleep(1)\n", "waits"),
        ("a/tests/test_a.py", "async def f():\n    await asyncio.sleep(1)\n", "waits"),
        ("docs/a.md", f"see {HOME}jane/x", "private machine"),
        ("a.yml", f"index: https://{REGISTRY}/simple", "registry"),
        ("a.py", "x = 1\n" * 401, "401 lines"),
        ("a.py", "def f():\n" + "    x = 1\n" * 50, "51 lines"),
        ("a.py", "try:\n    f()\nexcept Exception:\n    pass\n", "catches Exception"),
        ("a.py", "try:\n    f()\nexcept:\n    pass\n", "catches everything"),
    ],
)
def test_an_offence_is_found(path: str, text: str, word: str) -> None:
    assert [rule for rule in rules(path, text) if word in rule]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/a.py", "import time\ntime.sleep(1)\n"),
        ("a/tests/test_a.py", "def until(c):  # poll: with a deadline\n    time.sleep(0.05)\n"),
        ("docs/a.md", f"the student's home, {HOME}student7/WKSHP-API101"),
        ("docs/a.md", "https://example.org" + HOME + "x"),
        ("a.py", "def f():\n" + "    x = 1\n" * 49),
        ("a.py", "try:\n    f()\nexcept Exception:  # noqa: BLE001 - the process's edge\n    pass\n"),
    ],
)
def test_the_decent_form_passes(path: str, text: str) -> None:
    assert rules(path, text) == []
