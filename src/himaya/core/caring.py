"""What one person is given and shown at most: limits that an operator sets. No standard names figures; these are ours.

0 means: no limit.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from himaya.core.words import N_


class Care(BaseModel):
    """Limits for each person; see ``docs/review.md`` for how each counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    looks_a_day: int = Field(30, ge=0, le=10_000, description=N_("Looks at what is kept."))
    minutes_a_day: int = Field(30, ge=0, le=1440, description=N_("Minutes of looking."))
    points_a_day: int = Field(
        400, ge=0, le=100_000, description=N_("Points: what was decided and looked at, by severity.")
    )
    looks_before_break: int = Field(10, ge=0, le=10_000, description=N_("Looks after which a break is due."))
    minutes_before_break: int = Field(10, ge=0, le=1440, description=N_("Minutes of looking after which it is."))
    break_minutes: int = Field(10, ge=1, le=240, description=N_("How long a break lasts."))
    shift_hours: int = Field(8, ge=1, le=24, description=N_("How long a shift lasts."))
    mild_at_the_end_minutes: int = Field(
        30, ge=0, le=480, description=N_("So long before its end nothing severe is given.")
    )
    severe_in_a_row: int = Field(5, ge=0, le=1000, description=N_("After so many severe cases comes a mild one."))
