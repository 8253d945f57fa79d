"""A body that takes reports, of whose answers one in so many is lost, half of them before it acted."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import ClassVar, cast

from pydantic import BaseModel
from tests.filings import Sample

from himaya.core.filing import Attempt, FoundOut, Values
from himaya.core.ports import MaybeSent


class Config(BaseModel):
    directory: Path
    hours: int = 0
    one_in: int = 0
    seed: int = 0


class Body(Sample):
    name: ClassVar[str] = "body"
    Config: ClassVar[type[BaseModel]] = Config
    _chance: ClassVar[dict[int, random.Random]] = {}

    def take(self, step: str, attempt: Attempt) -> Values:
        lost = self._lost(attempt)
        if lost == 1:
            raise MaybeSent(why="the line broke before it answered")
        answer: Values = super().take(step, attempt)
        if lost == 2:
            raise MaybeSent(why="the line broke after it acted")
        return answer

    def find_out(self, step: str, attempt: Attempt) -> FoundOut:
        if self._lost(attempt):
            raise MaybeSent(why="the line broke")
        found: FoundOut = super().find_out(step, attempt)
        return found

    def _lost(self, attempt: Attempt) -> int:
        config = cast("Config", attempt.config)
        if not config.one_in:
            return 0
        chance = self._chance.setdefault(os.getpid(), random.Random(config.seed * 100_003 + os.getpid()))
        return chance.choice([1, 2]) if chance.randrange(config.one_in) == 0 else 0


PLUGIN = Body()
