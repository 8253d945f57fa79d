"""Documents for tests: the least, the fullest, and one whose every word was written by somebody hostile."""

from dataclasses import replace
from datetime import UTC, datetime

from himaya.core.documents import Document, FingerprintFact, MatchFact, SightingFact, VerdictFact

AT = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
VERDICT = VerdictFact("interpol", "baseline", "Baseline", "Fingerprint and context agree.", AT)
MINIMAL = Document("report", "r-1", "C-7", "node.example.org", AT, VERDICT)
FULL = replace(
    MINIMAL,
    kind="notice",
    key="n-1",
    fingerprints=(FingerprintFact("pdq", "ab" * 32, 99), FingerprintFact("md5", "cd" * 16)),
    matches=(
        MatchFact("national", "pdq", "ab" * 32, 3, 31, "uk-sap", "B", "hotline.example.org"),
        MatchFact("plain", "md5", "cd" * 16, 0, 0, "", "", ""),
    ),
    sightings=(SightingFact(AT, "https://host.example.org/a/1.jpg", "scan"),),
)
HOSTILE = replace(
    FULL,
    key="h-1",
    case="C-8\r\nBcc: someone@example.org",
    verdict=replace(VERDICT, reason="one\r\n.\r\nQUIT\u202egnp.exe\x1b[2J"),
    sightings=(SightingFact(AT, "/srv/\udcff\nFrom: me/صورة.jpg", "scan"),),
)
