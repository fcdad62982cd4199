"""Seats made ahead, on the wire."""

from pydantic import BaseModel, Field


class ReadySeats(BaseModel):
    """Of the seats that were begun to be made ahead in the time: what they were good for, and what they cost."""

    prepared: int = Field(description="Became ready")
    failed: int = Field(description="Could not be made, or gave way while they were")
    found_ready: int = Field(description="Registrations that got one of them, and so their lab at once")
    thrown_away: int = Field(description="Were cleaned unused, or made anew for another workshop")
    idle_seat_hours: float = Field(description="Ready and without anybody, all together")
