"""A whole registration for ``wod doctor``: the lab is made, the mail with the password leaves, the seat is clean again."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from wod_cli.calls import Call
from wod_cli.client import Api
from wod_cli.failures import Failure
from wod_cli.following import wait_for
from wod_cli.probes import Finding

_ON_ITS_WAY = frozenset({"registered", "deploying"})
_LIVES = frozenset({"running", "expiring"})


def registered(call: Call, api: Api, workshop: str, email: str, minutes: float) -> Iterator[Finding]:
    """Whatever happens, the session is ended. Each step may take ``minutes``."""
    person = {"workshop": workshop, "email": email, "name": "wod doctor", "terms_version": "doctor"}
    try:
        trial = _Trial(call, api, api.post("registrations", person)["id"], workshop, minutes)
    except Failure as failure:
        yield Finding("registration", workshop, False, failure.detail, "mend what is said, and try again")
        return
    try:
        lab = trial.step("lab", lambda row: row["state"] not in _ON_ITS_WAY, _is_running)
        yield lab
        if lab.ok:
            yield trial.step("credentials", _has_settled, _has_left)
    finally:
        with suppress(Failure):  # it has failed, or is over by itself
            api.post(f"registrations/by-id/{trial.identity}/end", {"reason": "wod doctor"})
    if lab.ok:
        yield trial.step("cleaning", lambda row: row["cleaned_at"] is not None, lambda _: None)


def _is_running(row: dict[str, Any]) -> str | None:
    return None if row["state"] in _LIVES else f"is {row['state']}: {row['failure']}"


def _credentials(row: dict[str, Any]) -> dict[str, Any]:
    return next(
        (mail for mail in row["mails"] if mail["template"] == "credentials"), {"state": "queued", "error": None}
    )


def _has_settled(row: dict[str, Any]) -> bool:
    return _credentials(row)["state"] not in {"queued", "sending"}


def _has_left(row: dict[str, Any]) -> str | None:
    mail = _credentials(row)
    return None if mail["state"] == "sent" else f"the mail is {mail['state']}: {mail['error']}"


class _Trial:
    def __init__(self, call: Call, api: Api, identity: int, workshop: str, minutes: float) -> None:
        self.identity = identity
        self._call, self._api, self._workshop, self._minutes = call, api, workshop, minutes

    def step(
        self, check: str, is_over: Callable[[dict[str, Any]], bool], wrong: Callable[[dict[str, Any]], str | None]
    ) -> Finding:
        """Waits until it is over, and says how long that took or what is wrong."""
        latest: dict[str, Any] = {}

        def ended() -> int:
            latest.update(self._api.get(f"registrations/by-id/{self.identity}"))
            return int(is_over(latest))

        mend = f"wod registrations show {self.identity} has the story; then the log of the worker or the agent"
        began = time.monotonic()
        try:
            wait_for(self._call.out, check, 1, ended, self._minutes, mend)
        except Failure as failure:
            return Finding(check, self._workshop, False, failure.detail, mend)
        if said := wrong(latest):
            return Finding(check, self._workshop, False, said, mend)
        return Finding(check, self._workshop, True, f"took {time.monotonic() - began:.0f} s")
