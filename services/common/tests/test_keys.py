"""An exchange of all secrets has no moment in which one side refuses the other."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from wod_common.keys import CHECKED, OTHER, CannotRotate, Folder, new, rotate
from wod_common.sealing import CannotOpen, Sealer
from wod_common.tokens import CommandSigner

Variables = dict[str, str]


def variables(folder: Folder) -> Variables:
    lines = [line for path in sorted(folder.path.glob("*.env")) for line in path.read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines)


def kids(folder: Folder) -> set[str]:
    return {key["kid"] for key in json.loads(folder.public.read_text())["keys"]}


def kid(folder: Folder) -> str:
    return CommandSigner.from_pem(folder.key.read_text()).jwks()["keys"][0]["kid"]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An installation on several hosts: a file for each service, named as the service names it."""
    made = Folder(tmp_path / "secrets")
    new(made)
    secrets = variables(made)
    presented = {name: secrets[checked] for checked, names in CHECKED.items() for name in names}
    (made.path / "gate.env").write_text("".join(f"{name}={value}\n" for name, value in presented.items()))
    return made


def test_whichever_services_have_been_restarted_nobody_is_refused(folder: Folder) -> None:
    states = [variables(folder)]
    for _ in range(3):
        rotate(folder)
        states.append(variables(folder))
    for old, later in pairwise(states):
        for checking in (old, later):
            for presenting in (old, later):
                for name, presented_as in CHECKED.items():
                    accepted = {checking[name], checking.get(name + OTHER)}
                    assert {presenting[each] for each in presented_as} <= accepted
    assert all(states[0][name] != states[-1][name] for name in CHECKED)
    assert not any(name.endswith(OTHER) for name in states[-1])


def test_gates_know_the_key_before_it_signs_and_forget_the_old_one_last(folder: Folder) -> None:
    first = kid(folder)
    rotate(folder)
    assert kid(folder) == first
    assert len(kids(folder)) == 2
    rotate(folder)
    assert kid(folder) != first
    assert kids(folder) == {first, kid(folder)}
    rotate(folder)
    assert kids(folder) == {kid(folder)}


def test_what_is_no_secret_and_what_the_database_keeps_stays(folder: Folder) -> None:
    file = folder.path / "wod.env"
    file.write_text(f"# the conference\nWOD_SEATS=40\n\n{file.read_text()}")
    before = variables_of(file)
    for _ in range(3):
        rotate(folder)
    after = variables_of(file)
    assert file.read_text().startswith("# the conference\nWOD_SEATS=40\n\n")
    assert {name for name in before if before[name] != after[name]} == set(CHECKED)
    assert file.stat().st_mode & 0o777 == 0o600


def variables_of(file: Path) -> Variables:
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)


def test_a_killed_switch_leaves_the_old_secrets_good(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = variables(folder)
    rotate(folder)

    def killed(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(folder, "change", killed)
        with pytest.raises(KeyboardInterrupt):
            rotate(folder)
    rotate(folder)
    assert variables(folder) == before
    assert kids(folder) == {kid(folder)}


def test_a_half_that_differs_is_named_and_nothing_is_changed(folder: Folder) -> None:
    (folder.path / "agent.env").write_text("WOD_AGENT_TOKEN=another\n")
    before = variables(folder)
    with pytest.raises(CannotRotate, match=r"WOD_AGENT_TOKEN has two values.*wod\.env"):
        rotate(folder)
    assert variables(folder) == before


def test_secrets_are_not_made_over_others(folder: Folder) -> None:
    with pytest.raises(CannotRotate, match="holds secrets already"):
        new(folder)


def test_what_was_sealed_opens_under_both_secrets_and_after_resealing_under_the_new_one() -> None:
    sealed = Sealer("the old secret", "passwords").seal("hunter2")
    both = Sealer("the new secret", "passwords", "the old secret")
    assert both.open(sealed) == "hunter2"
    alone = Sealer("the new secret", "passwords")
    assert alone.open(both.reseal(sealed)) == "hunter2"
    with pytest.raises(CannotOpen):
        alone.open(sealed)
