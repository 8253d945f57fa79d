"""Copies the few files that we take from others into the tree, and writes down what they are.

    npm pack @fontsource-variable/noto-sans-arabic@5.3.0 axe-core@4.14.1
    python tools/vendor.py FOLDER_WITH_THE_TARBALLS

The copies are committed, so neither installing nor testing needs npm. `tools/MANIFEST.json` names each file's package,
version, licence and SHA-256; a test compares. Comments that point at source maps are removed: the manifest storage of
static files follows them and fails on the missing file (traps of vendored CSS and JavaScript).
"""

import argparse
import hashlib
import json
import re
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "tools" / "MANIFEST.json"
FONTS = "src/himaya/site/static/himaya/fonts"
#: tarball's beginning -> {member: destination}
WANTED = {
    "fontsource-variable-noto-sans-arabic-": {
        "files/noto-sans-arabic-arabic-wght-normal.woff2": f"{FONTS}/noto-sans-arabic.woff2",
        "LICENSE": f"{FONTS}/LICENSE",
    },
    "axe-core-": {
        "axe.min.js": "tests/vendor/axe.min.js",
        "LICENSE": "tests/vendor/LICENSE",
    },
}
SOURCE_MAP = re.compile(rb"(?:/\*[#@] ?sourceMappingURL=.*?\*/|//[#@] ?sourceMappingURL=\S*)\s*")


def read(tarball: tarfile.TarFile, member: str) -> bytes:
    """One member's bytes; npm puts everything under `package/`."""
    found = tarball.extractfile(f"package/{member}")
    if found is None:
        raise SystemExit(f"{tarball.name} holds no {member}")
    content = found.read()
    return SOURCE_MAP.sub(b"", content) if member.endswith((".js", ".css")) else content


def vendor(folder: Path) -> list[dict[str, str]]:
    """Copies every wanted file out of the tarballs in `folder`; returns the manifest's rows."""
    rows = []
    for beginning, members in WANTED.items():
        [path] = folder.glob(f"{beginning}*.tgz")
        with tarfile.open(path) as tarball:
            package = json.loads(read(tarball, "package.json"))
            for member, destination in members.items():
                content = read(tarball, member)
                (ROOT / destination).parent.mkdir(parents=True, exist_ok=True)
                (ROOT / destination).write_bytes(content)
                facts = {key: package[key] for key in ("name", "version", "license")}
                rows.append({"file": destination, **facts, "sha256": hashlib.sha256(content).hexdigest()})
    return rows


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the npm tarballs are")
    rows = vendor(parser.parse_args().folder)
    MANIFEST.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
