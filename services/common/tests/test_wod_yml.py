"""What a ``wod.yml`` says, for every service that reads it."""

from typing import Any

import pytest

from wod_common.plain_yaml import MalformedYaml
from wod_common.wod_yml import SeatRange, flag, read_metadata, script_names, seat_range


def values(text: str) -> dict[str, Any]:
    return {key: entry.value for key, entry in read_metadata(text.encode()).items()}


def test_a_mark_tabs_and_windows_lines_are_read_like_a_plain_file() -> None:
    plain = "%YAML 1.1\n---\nname: API\nldap: true\nrange: [52,91]\n"
    odd = "\ufeff%YAML 1.1\r\n---\r\nname:\tAPI\t\r\nldap: \tyes\r\nrange: [52,91]\r\n"
    assert values(odd) == values(plain) == {"name": "API", "ldap": True, "range": [52, 91]}


def test_a_number_that_every_reader_takes_for_another_one_stays_a_text() -> None:
    assert values("a: 010\nb: 1:30\nc: 2001-01-01\n") == {"a": "010", "b": "1:30", "c": "2001-01-01"}


@pytest.mark.parametrize("text", ["a: &x 1\n", "a: !!python/name:os.system\n", "a: {b: 1}\n", "a: 1\na: 2\n"])
def test_what_nothing_in_it_needs_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(MalformedYaml) as refused:
        read_metadata(text.encode())
    assert refused.value.line in {1, 2}


@pytest.mark.parametrize("written", [[1981, 1985], ["1981-1985"], "1981-1985", "1981 - 1985"])
def test_a_range_is_read_however_it_is_written(written: Any) -> None:
    assert seat_range(written) == SeatRange(1981, 1985)


@pytest.mark.parametrize("written", [[2, 1], [0, 4], [1], "1", [True, 2], [1, 1_000_000], None])
def test_what_is_no_range_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match="number"):
        seat_range(written)


@pytest.mark.parametrize(
    ("written", "names"),
    [(False, ()), (None, ()), ("a.sh, b.sh,", ("a.sh", "b.sh")), (["a.sh"], ("a.sh",)), ("false", ())],
)
def test_scripts_are_names_separated_by_commas(written: Any, names: tuple[str, ...]) -> None:
    assert script_names(written) == names


@pytest.mark.parametrize("written", ["../a.sh", "a b", True, [1], "-rf"])
def test_a_script_is_no_path(written: Any) -> None:
    with pytest.raises(ValueError, match="write"):
        script_names(written)


def test_a_flag_is_true_or_false() -> None:
    assert [flag(written) for written in (True, "True", "false")] == [True, True, False]
    with pytest.raises(ValueError, match="write true or false"):
        flag("perhaps")
