"""Files of a case as ``fileDetails``."""

from __future__ import annotations

from typing import Any

from himaya.core.cybertip.persons import captured, device, moment, texts
from himaya.core.filing import DraftFile, Grounds
from himaya.core.particulars import UploadedFile
from himaya.core.terms.relations import verdict_in

MARKS = {
    "generated": "generativeAi", "meme": "potentialMeme", "viral": "viral", "live-stream": "liveStreaming",
    "self-generated": "possibleSelfProduction", "infant": "infant", "drawn": "animeDrawingVirtualHentai",
    "physical-harm": "physicalHarm", "violence": "violenceGore", "animal": "bestiality",
}  # fmt: skip
"""Our marks, and those of the wire, → those of the wire."""
_KNOWN = MARKS | {one: one for one in MARKS.values()}
DIGESTS = {"md5": "MD5", "sha1": "SHA1", "sha256": "SHA256"}
INDUSTRY = "ncmec-industry"
CLASSES = frozenset({"A1", "A2", "B1", "B2"})


def of_file(file: DraftFile, grounds: Grounds, *, in_agreement: bool) -> dict[str, Any]:
    """What is stated of a file: as the service tells; of the case's content also its other digests and its class."""
    document = grounds.document
    own = {one.signal: one.value for one in reversed(document.fingerprints)}
    is_content = own.get("sha256") == file.sha256
    digests = {"sha256": file.sha256} | ({name: own[name] for name in DIGESTS if name in own} if is_content else {})
    told = next((one for one in grounds.particulars.files if one.sha256 == file.sha256), None)
    made = _told(told, grounds) if told else {}
    made["originalFileHash"] = [
        {"value": digests[name], "@hashType": kind} for name, kind in DIGESTS.items() if name in digests
    ]
    if is_content and "pdq" in own:
        made["details"] = [{"nameValuePair": [{"name": "PDQ", "value": own["pdq"]}], "@type": "HASH"}]
    if in_agreement and is_content and (code := verdict_in(document.verdict, to=INDUSTRY).code) in CLASSES:
        made["industryClassification"] = code
    return made


def _told(told: UploadedFile, grounds: Grounds) -> dict[str, Any]:
    now = grounds.document.made_at
    notes = [told.note]
    if told.exif_viewed and not told.viewed:  # NCMEC takes the one only with the other, and the other is not so
        notes.append("Its EXIF data were viewed by a person; the file was not.")
    if others := [one for one in told.marks if one.lower() not in _KNOWN and one not in _KNOWN]:
        notes.append(f"Noted of it: {texts(others)}.")
    return {
        "originalFileName": told.name,
        "uploadedToEspTimestamp": moment(told.uploaded_at, now),
        "locationOfFile": told.url,
        "fileViewedByEsp": told.viewed,
        "exifViewedByEsp": (told.exif_viewed if told.viewed else None) or None,
        "publiclyAvailable": told.public,
        "fileAnnotations": {_KNOWN.get(one) or _KNOWN[one.lower()]: True for one in told.marks
                            if one in _KNOWN or one.lower() in _KNOWN},
        "ipCaptureEvent": captured(told.connection, now) if told.connection else {},
        "deviceId": [device(one) for one in told.devices],
        "additionalInfo": notes,
    }  # fmt: skip
