"""What answers requests has no decoder in it: a hole in one is a hole in a child, and nowhere else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WEB = """
import json, sys
from himaya.site.wsgi import application
from django.core.management import call_command
call_command("migrate", verbosity=0)
from tests.program import Program, sha256
program = Program("screen")
picture = open(sys.argv[1], "rb").read()
page = program._client.get("/accounts/login/")
asked = program.post("/screen", {"items": [{"signal": "sha256", "value": sha256("tea")}]})
shown = program.upload(picture)
print(json.dumps({
    "status": [page.status_code, asked.status_code, shown.status_code],
    "signals": [found["signal"] for found in shown.json()["answers"][0]["fingerprints"]],
    "decoders": sorted({name.partition(".")[0] for name in sys.modules} & {"PIL", "av", "pillow_heif", "pi_heif"}),
    "drawn": "himaya.core.pictures" in sys.modules,
}))
"""


def test_a_page_a_hash_and_a_file_are_answered_by_a_process_that_has_no_decoder(
    node_env: dict[str, str], tmp_path: Path
) -> None:
    from tests.drawn import picture

    (tmp_path / "picture.jpg").write_bytes(picture(1))
    environment = {**node_env, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "himaya.site.settings"}
    environment["HIMAYA_HOSTS"] = '["testserver"]'
    done = subprocess.run(
        [sys.executable, "-c", WEB, str(tmp_path / "picture.jpg")],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]

    told = json.loads(done.stdout.splitlines()[-1])
    assert told["status"] == [200, 200, 200]
    assert "pdq" in told["signals"], "and yet the picture was decoded"
    assert told["decoders"] == []
    assert not told["drawn"]
