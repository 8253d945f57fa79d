"""The commented configuration file, made of the settings themselves."""

from __future__ import annotations

import json

from himaya.core.caring import Care
from himaya.core.config import Config


def template() -> str:
    """The commented configuration file: every setting with its meaning and its default, commented out."""
    lines = ["# Himaya. Every line is optional; the defaults are shown. HIMAYA_<NAME> in the environment wins.", ""]
    for name, field in Config.model_fields.items():
        if name in ("demo", "care", "reports", "filings", "notices", "alarms"):
            continue
        lines += [f"# {field.description}", f"# {name} = {json.dumps(field.default)}", ""]
    lines += [f"# {Config.model_fields['care'].description} 0: no limit.", "# [care]"]
    for name, field in Care.model_fields.items():
        lines.append(f"# {name} = {field.default}  # {field.description}")
    lines.append("")
    for name, example in (("reports", ""), ("filings", ""), ("notices", "abuse-desk"), ("alarms", "on-duty")):
        lines.append(f"# {Config.model_fields[name].description} One block for each destination.")
        for route in Config.model_fields[name].default:
            lines += [f"# [[{name}]]", f'# name = "{route.name}"', f'# channel = "{route.channel}"', ""]
        if name == "filings":
            lines += ["# [[filings]]", '# name = "try"', '# channel = "sample"', "# auto = false", ""]
        if example:
            lines += _by_mail(name, example)
    return "\n".join(lines)


def _by_mail(name: str, example: str) -> list[str]:
    """A block for a destination that is written to."""
    recipient = {"abuse-desk": "abuse@host.example", "on-duty": "on-duty@example"}[example]
    return [
        f"# [[{name}]]",
        f'# name = "{example}"',
        '# channel = "email"',
        '# options.host = "mail.example"',
        "# options.port = 587",
        '# options.security = "starttls"  # or "tls"; "none" only for a server on this machine',
        '# options.sender = "node@example"',
        f'# options.recipient = "{recipient}"',
        "# A block that you add takes the place of the defaults: keep the ones you want.",
        "",
    ]
