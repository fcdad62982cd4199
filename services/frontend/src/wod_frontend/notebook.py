"""The preparation of a lab as a notebook: four cells that execute, read from the registration's story."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wod_frontend.language import current, gettext, later, ngettext
from wod_frontend.wire import Event, Registration, State
from wod_frontend.words import quoted, took

#: The agent's step that makes the account; whatever it reports after that is delivery.
ACCOUNT_STEP = "account"
#: What the agent reports while others are prepared first.
QUEUED_STEP = "queued"


STEPS: dict[object, str] = {
    ACCOUNT_STEP: later("Preparing your account"),
    "deliver": later("Bringing the notebooks"),
    "hook": later("Preparing what the workshop needs"),
}


class CellState(StrEnum):
    TODO = "todo"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Cell:
    """``number`` as a notebook counts executions; ``percent`` where the cell shows a bar."""

    number: int
    code: str
    state: CellState
    note: str
    took: str
    percent: int | None = None


@dataclass(frozen=True)
class _Milestones:
    """When each step was over; None where it is not yet."""

    registered: datetime | None
    account: datetime | None
    deployed: datetime | None
    mailed: datetime | None


def _first(story: Sequence[Event], *types: str) -> datetime | None:
    return next((event.at for event in story if event.type in types), None)


def _of_preparation(story: Sequence[Event]) -> list[Event]:
    """Without what is reported of the cleaning, which comes in the same forms.

    A lab that is made anew is told from its new beginning, with the registration before it.
    """
    own = [event for event in story if event.data.get("verb", "CREATE") == "CREATE"]
    begins = max((number for number, event in enumerate(own) if event.type == "deploying-again"), default=0)
    return [event for number, event in enumerate(own) if number >= begins or event.type == "registered"]


def _ends_account(event: Event) -> bool:
    """A step is reported when it begins: the account is ready when the next one does."""
    return event.type == "running" or (
        event.type == "progress" and event.data.get("step") not in {ACCOUNT_STEP, QUEUED_STEP}
    )


def _milestones(story: Sequence[Event]) -> _Milestones:
    return _Milestones(
        registered=_first(story, "registered"),
        account=next((event.at for event in story if _ends_account(event)), None),
        deployed=_first(story, "running"),
        # other mails leave too; the clock starts when this one has left
        mailed=_first(story, "clock-started"),
    )


def _travel_note(story: Sequence[Event], registration: Registration) -> str:
    location = registration.location
    if registration.waiting_before:
        count = registration.waiting_before
        said = ngettext("%(num)d lab is prepared before yours", "%(num)d labs are prepared before yours", count)
        return said % {"num": count}
    if _first(story, "accepted"):
        return gettext("%(location)s is at work") % {"location": location}
    if _first(story, "command-sent"):
        return gettext("On its way to %(location)s") % {"location": location}
    return gettext("Waiting to be sent")


def _mail_note(story: Sequence[Event]) -> str:
    if any(event.type == "mail-failed" and event.data.get("template") == "credentials" for event in story):
        return gettext("Your mailbox did not take the mail; the operators know")
    return gettext("Handing the mail over")


def _last_message(story: Sequence[Event]) -> str:
    """What the agent says of its step, in English; for other languages the step in ours."""
    reports = [event.data for event in story if event.type == "progress"]
    step = next((data.get("step") for data in reversed(reports) if data.get("step")), None)
    if current().code != "en":
        return gettext(STEPS[step]) if step in STEPS else ""
    messages = (data.get("message") for data in reversed(reports))
    return next((str(message) for message in messages if message), "")


def _percent(story: Sequence[Event]) -> int:
    reported = [event.data.get("percent") for event in story if event.type == "progress"]
    return max((int(percent) for percent in reported if isinstance(percent, int | float)), default=0)


def cells(registration: Registration, story: Sequence[Event]) -> list[Cell]:
    """The four cells. The first that is not over is running, or failed where the registration has."""
    story = _of_preparation(story)
    done = _milestones(story)
    percent = 100 if done.deployed else min(99, max(0, _percent(story)))
    rows: list[tuple[str, str, str, datetime | None, int | None]] = [
        (
            f"register({quoted(registration.workshop_name)})",
            gettext("Taking a seat for you"),
            gettext("You are in: %(username)s at %(location)s")
            % {"username": registration.username, "location": registration.location},
            done.registered,
            None,
        ),
        (
            f"account = create({quoted(registration.username)})",
            _travel_note(story, registration),
            gettext("Account ready"),
            done.account,
            None,
        ),
        (
            f"deploy({quoted(registration.workshop)})",
            _last_message(story) or gettext("Bringing the notebooks"),
            gettext("Lab ready"),
            done.deployed,
            percent,
        ),
        ("mail(credentials)", _mail_note(story), gettext("The password is in your mail"), done.mailed, None),
    ]
    return _execute(registration, rows)


def _execute(
    registration: Registration, rows: Sequence[tuple[str, str, str, datetime | None, int | None]]
) -> list[Cell]:
    result: list[Cell] = []
    began: datetime | None = registration.created_at
    for number, (code, doing, outcome, ended, percent) in enumerate(rows, start=1):
        if began and ended:
            result.append(Cell(number, code, CellState.DONE, outcome, took(ended - began), percent))
        elif began and registration.state is State.FAILED:
            result.append(Cell(number, code, CellState.FAILED, gettext("This step did not succeed"), "", percent))
        elif began and registration.state not in {State.ENDED, State.CANCELLED}:
            result.append(Cell(number, code, CellState.RUNNING, doing, "", percent))
        else:
            result.append(Cell(number, code, CellState.TODO, "", ""))
        began = ended if began else None
    return result
