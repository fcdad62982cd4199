"""What instructors do beside the public, and seats that are made ahead: rules of the stateful test."""

from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from stateful_room import Rows
from stateful_world import World

Answer = TypeVar("Answer")
PICK = st.integers(min_value=0, max_value=30)
ADDRESSES = [f"{name}@example.org" for name in ("ada", "bea", "cy", "dan", "eve", "flo", "gil")]
AHEAD = st.sampled_from([timedelta(), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=3)])
MOST_CLASSES = 4


class Driven(RuleBasedStateMachine):
    """A machine whose rules act on ``world``."""

    world: ClassVar[World]
    runner: ClassVar[Any]

    def run(self, step: Coroutine[Any, Any, Answer]) -> Answer:
        answer: Answer = self.runner.run(step)
        return answer

    def rows(self) -> Rows:
        return self.run(Rows.read(self.world.api))


class Teaching(Driven):
    """Classes are booked, joined, opened, changed and ended; whoever runs the platform has seats made ahead."""

    @precondition(lambda self: len(self.world.classes) < MOST_CLASSES)
    @rule(seats=st.integers(1, 3), speaker=st.booleans(), ahead=AHEAD, location=st.sampled_from([None, 1, 2]))
    def book(self, seats: int, speaker: bool, ahead: timedelta, location: int | None) -> None:
        before = self.rows()
        starts_at = before.now.replace(microsecond=0) + ahead
        wish = {"workshop": "WKSHP-API101", "seats": seats, "speaker_seat": speaker}
        times = {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + timedelta(hours=1)).isoformat()}
        answer = self._try_to_book(wish | times | {"location": location})
        if answer.status_code == 409:
            self._book_an_alternative(wish, answer)

    def _try_to_book(self, wish: dict[str, Any]) -> httpx.Response:
        before = self.rows()
        answer = self.run(self.world.teach("POST", json=wish))
        assert answer.status_code in {201, 409}, answer.text
        if answer.status_code == 201:
            booked = answer.json()
            self.world.classes.append(booked["id"])
            placement = next(row for row in before.placements if row.location_id == booked["location"])
            begins, ends = (datetime.fromisoformat(booked[name]) for name in ("deploy_from", "ends_at"))
            needed = wish["seats"] + wish["speaker_seat"]
            assert before.fits(placement.id, needed, begins, ends), "a class was booked over somebody's seats"
        return answer

    def _book_an_alternative(self, wish: dict[str, Any], answer: httpx.Response) -> None:
        """What is proposed fits. Time goes on: what has ceased to fit meanwhile is proposed anew, a little later."""
        for _ in range(3):
            proposed = answer.json()["alternatives"]
            if not proposed:
                return
            answer = self._try_to_book(
                wish | {name: proposed[0][name] for name in ("location", "starts_at", "ends_at")}
            )
            if answer.status_code == 201:
                return
        raise AssertionError(f"an alternative was proposed that does not fit: {answer.text}")

    @precondition(lambda self: self.world.classes)
    @rule(pick=PICK, address=st.sampled_from(ADDRESSES))
    def join(self, pick: int, address: str) -> None:
        class_id = self._picked(pick)
        code = self.run(self.world.api.value("SELECT code FROM classes WHERE id = :id", id=class_id))
        before = self.rows()
        answer = self.run(self.world.api.register(address, join_code=code))
        assert answer.status_code in {201, 409}, answer.text
        taught = before.taught(class_id)
        lets_in = taught is not None and before.lets_in(taught)
        if answer.status_code == 201:
            assert taught is not None, "somebody got a seat of a class that is over"
            assert lets_in, "somebody got a seat of a class that has none"
            self.world.remember(answer)
            [row] = [row for row in self.rows().registrations if row.id == answer.json()["id"]]
            assert (row.class_id, row.placement_id, row.holds) == (class_id, taught.placement_id, True)
        elif answer.json()["type"] in {"class-full", "class-not-open"}:
            assert not lets_in, "a booked seat was not given to who has its code"

    @precondition(lambda self: self.world.classes)
    @rule(pick=PICK)
    def speak(self, pick: int) -> None:
        answer = self.run(self.world.teach("POST", f"/{self._picked(pick)}/speaker", json={"terms_version": "1"}))
        assert answer.status_code in {201, 409}, answer.text
        if answer.status_code == 201:
            self.world.remember(answer)

    @precondition(lambda self: self.world.classes)
    @rule(pick=PICK, address=st.sampled_from(ADDRESSES), other=st.sampled_from(ADDRESSES))
    def invite(self, pick: int, address: str, other: str) -> None:
        lines = "\n".join(["email,name", *(f"{each},Somebody" for each in sorted({address, other}))])
        answer = self.run(self.world.roster(self._picked(pick), lines))
        assert answer.status_code in {200, 409, 422}, answer.text  # it may name more persons than there are seats

    @precondition(lambda self: self.world.classes)
    @rule(pick=PICK, act=st.sampled_from(["open", "end", "longer", "more seats", "code"]))
    def change_a_class(self, pick: int, act: str) -> None:
        class_id = self._picked(pick)
        before = self.rows()
        answer = self.run(self._act(class_id, act, before.taught(class_id)))
        assert answer.status_code in {200, 409}, answer.text
        if act == "end" and answer.status_code == 200:
            ended = [row for row in self.rows().registrations if row.class_id == class_id]
            assert all(row.ended_at is not None for row in ended)

    async def _act(self, class_id: int, act: str, taught: Any | None) -> httpx.Response:
        if act in {"open", "end", "code"} or taught is None:
            return await self.world.teach("POST", f"/{class_id}/{act if act in {'open', 'code'} else 'end'}")
        longer = {"ends_at": (taught.ends_at + timedelta(minutes=30)).isoformat()}
        change = longer if act == "longer" else {"seats": taught.seats + 1}
        return await self.world.teach("PATCH", f"/{class_id}", json=change)

    def _picked(self, pick: int) -> int:
        return self.world.classes[pick % len(self.world.classes)]

    @rule(by=st.sampled_from([timedelta(minutes=10), timedelta(hours=1), timedelta(hours=3)]))
    def time_passes(self, by: timedelta) -> None:
        self.run(self.world.time_passes(by))

    # seats made ahead

    @rule(placement=st.integers(1, 2), least=st.integers(0, 2), most=st.integers(0, 3))
    def keep_ready(self, placement: int, least: int, most: int) -> None:
        statement = "UPDATE placements SET ready_minimum = :least, ready_maximum = :most WHERE id = :id"
        self.run(self.world.api.change(statement, least=least, most=max(least, most), id=placement))

    @rule(location=st.integers(1, 2), seat=st.integers(1, 3))
    def look_at_a_seat(self, location: int, seat: int) -> None:
        answer = self.run(self.world.operate("POST", f"/api/v1/students/{location * 1000 + seat}/verify"))
        assert answer.status_code in {202, 409}, answer.text

    @rule(version=st.sampled_from(["one", "two"]))
    def content_changes(self, version: str) -> None:
        self.run(self.world.api.change("UPDATE workshops SET content_version = :version", version=version))
