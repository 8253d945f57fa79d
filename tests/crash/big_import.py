"""An import and a round of a subscription, both large and killed at random: the list is the old one or the new one.

``python -m tests.crash.big_import --rows 1000000 --kills 20``. The seed is printed: with ``--seed`` the same is done
again. It ends with 0 where list and log are in the end those of a run that nobody disturbed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def main() -> int:
    """Do it, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=20, help="of the import, and as many of the round")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--import-only", action="store_true", help="no subscription")
    asked = parser.parse_args()
    print(f"to repeat: --rows {asked.rows} --kills {asked.kills} --seed {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DJANGO_SETTINGS_MODULE"] = "himaya.site.settings"
        os.environ["HIMAYA_DATA"] = folder  # of the process from which the others are forked; each has its own
        run = Run(Path(folder), asked.rows, asked.kills, random.Random(asked.seed))
        return run.whole(import_only=asked.import_only)


class Run:
    """Two nodes with the same keys: one that is killed, and one that nobody disturbs."""

    def __init__(self, folder: Path, rows: int, kills: int, chance: random.Random) -> None:
        from tests.crash.conftest import Node

        self.rows, self.kills, self.chance = rows, kills, chance
        self.path = folder / "stick" / "rows.csv"
        self.path.parent.mkdir()
        self.nodes = []
        for name in ("undisturbed", "killed"):
            home = folder / name
            (home / "data").mkdir(parents=True, mode=0o700)
            self.nodes.append(Node(home, {"HIMAYA_DATA": str(home / "data"), "HIMAYA_DECODERS": "1"}))
        self.undisturbed, self.killed = self.nodes
        self.killed.run("migrate")
        self.killed.run("make_lists")
        self.killed.run("subscribe_to", path=str(self.path))
        shutil.copytree(self.killed.environment["HIMAYA_DATA"], self.undisturbed.environment["HIMAYA_DATA"],
                        dirs_exist_ok=True)  # fmt: skip

    def whole(self, *, import_only: bool = False) -> int:
        """The import, then the round of a subscription; 0 where all is as it should be."""
        from tests.crash.exchanging import write_rows

        wrong = 0
        write_rows(self.path, range(self.rows))
        wrong += self._done("import_file", path=str(self.path), batch=1000)
        if not import_only:
            write_rows(self.path, range(self.rows // 10, self.rows + self.rows // 10))
            wrong += self._done("follow_file", batch=500)
        for node in self.nodes:
            node.close()
        print("all as it should be" if not wrong else f"{wrong} things are wrong")
        return int(wrong > 0)

    def _done(self, name: str, **how: Any) -> int:
        """Do it on both nodes, killed on one of them; how much is wrong."""
        began = time.monotonic()
        self._run(self.undisturbed, name, **how)
        took = time.monotonic() - began
        old, new = self._list(self.killed), self._list(self.undisturbed)
        wrong = kills = 0
        while kills < self.kills:
            running = self.killed.start(name, **how)
            running.join(self.chance.uniform(0.2, max(0.5, took / 3)))
            if running.exitcode == 0:
                break
            running.kill()
            running.join()
            kills += 1
            found = self._list(self.killed)
            wrong += found not in (old, new)
            print(f"{name}: kill {kills}: {self._word(found, old, new)}", flush=True)
        self._run(self.killed, name, **how)
        for node in self.nodes:
            self._run(node, "commit_all")
        same = self.killed.run("standing") == self.undisturbed.run("standing")
        print(f"{name}: {kills} kills; undisturbed {took:.0f} s; {'the same log' if same else 'ANOTHER LOG OR LIST'}")
        return wrong + (not same)

    def _run(self, node: Any, name: str, **how: Any) -> None:
        node.end(node.start(name, **how), patience=24 * 3600)

    def _list(self, node: Any) -> list[Any]:
        found = node.end(node.start("standing"), patience=3600)
        return [found[one] for one in ("matching", "digest", "counted")]

    @staticmethod
    def _word(found: list[Any], old: list[Any], new: list[Any]) -> str:
        return "the old list" if found == old else "the new list" if found == new else f"A MIXTURE: {found}"


if __name__ == "__main__":
    sys.exit(main())
