"""Show the decoders real damaged files by the thousand, and say what came of each.

    corpus.py [--mutants NUMBER] [--seed SEED] [--folder FOLDER] [--sandbox MODE]

The files are those that Pillow tests itself with (Tests/images of its source distribution, downloaded once through
the configured package index into ``build/corpus``) or those of FOLDER; and damaged ones of our own, by a seed. The exit
status is 1 where one had no outcome within :data:`SECONDS`, or where the node's side of the sandbox fell.
"""

# ruff: noqa: T201, S603
from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

HOME = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HOME))

from tests.screening.mutants import mutants  # noqa: E402

from himaya.screening.decoders import Decoders  # noqa: E402
from himaya.screening.fingerprinting import Skipped  # noqa: E402

CACHE = HOME / "build/corpus"
LARGEST = 64 * 2**20
SECONDS = 10.0
"""The most that one file may take."""


def pillows_own() -> Path:
    """The folder of the pictures that Pillow tests itself with; downloaded where it is not there."""
    images = CACHE / f"pillow-{version('pillow')}"
    if not images.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        wanted = f"pillow=={version('pillow')}"
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pillow"]
        subprocess.run([*download, "--dest", str(CACHE), wanted], check=True)
        partly = images.with_suffix(".partly")
        with tarfile.open(next(CACHE.glob(f"pillow-{version('pillow')}*.tar.gz"))) as source:
            members = [one for one in source if "/Tests/images/" in one.name and one.isfile()]
            source.extractall(partly, members, filter="data")
        partly.rename(images)
    return images


def contents(folder: Path, number: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Names and bytes: the files below ``folder``, then ``number`` mutants."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size <= LARGEST:
            yield path.name, path.read_bytes()
    for n, mutant in enumerate(mutants(number, seed)):
        yield f"mutant {n} of seed {seed}", mutant


def main() -> int:
    """Show them all, or as many as there is patience for; the exit status."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--mutants", type=int, default=10_000)
    asked.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    asked.add_argument("--folder", type=Path)
    asked.add_argument("--sandbox", choices=("required", "best", "off"), default="best")
    given = asked.parse_args()
    folder = given.folder or pillows_own()
    total = sum(1 for path in folder.rglob("*") if path.is_file()) + given.mutants
    told, slowest, falls = Counter[str](), (0.0, "nothing"), 0
    pool = Decoders(1, given.sandbox)
    print(f"seed {given.seed}; kept in by {', '.join(pool.level().layers)}")
    nursery = pool._nursery
    try:
        with Progress(console=Console(stderr=True)) as progress:
            shown = progress.add_task("decoding", total=total)
            for name, content in contents(folder, given.mutants, given.seed):
                begun = time.monotonic()
                [outcome] = pool.contents([content])
                slowest = max(slowest, (time.monotonic() - begun, name))
                what = (
                    outcome.reason
                    if isinstance(outcome, Skipped)
                    else outcome.problems.get("pdq", "").partition(":")[0]
                )
                told[what or ("decoded" if has_pdq(outcome) else "not a picture")] += 1
                falls += pool._nursery is not nursery
                nursery = pool._nursery
                progress.advance(shown)
    except KeyboardInterrupt:
        print("interrupted; so far:")
    pool.close()
    tell(told, slowest, falls)
    return int(bool(falls) or slowest[0] > SECONDS)


def has_pdq(outcome: object) -> bool:
    """Whether a picture was decoded."""
    return any(one.signal == "pdq" for one in getattr(outcome, "fingerprints", ()))


def tell(told: Counter[str], slowest: tuple[float, str], falls: int) -> None:
    """Print the table."""
    table = Table("outcome", "files", title=f"{told.total()} files")
    for what, number in told.most_common():
        table.add_row(what, str(number))
    Console().print(table)
    print(f"slowest: {slowest[0]:.2f} s, {slowest[1]}")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"most memory of a child (bubblewrap hides it; --sandbox off): {memory:.0f} MiB")
    print(f"the process that forks fell {falls} times; this one did not")


if __name__ == "__main__":
    sys.exit(main())
