"""A zygote whose children are as if a file had taken them over: the content names what they try.

Started in place of :mod:`himaya.screening.zygote`. What they try is told as the detail of an outcome, where they live
to tell it.
"""

import ctypes
import json
import mmap
import os
import socket
import sys
import time
from collections.abc import Callable

from himaya.core.contents import Content
from himaya.core.ports import Options
from himaya.screening import child, zygote
from himaya.screening.fingerprinting import UNREADABLE, Fingerprinted, Rest, Skipped, of_bytes

LIBC = ctypes.CDLL(None, use_errno=True)
LINE = child.LINE


def run_what_was_written() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)


def trace() -> None:
    if LIBC.ptrace(16, 1, 0, 0) < 0:  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")


def works_for_ever() -> None:
    content = CONTENT[0]
    done = 0.0
    while True:
        content.progress(done := (done + 0.1) % 1)
        time.sleep(0.05)


def works_a_while() -> None:
    for n in range(20):
        CONTENT[0].progress(n / 20)
        time.sleep(0.1)


def floods() -> None:
    while True:
        os.write(LINE, b"\0\0\0\x0c" + b'{"done":0.5}')


CONTENT: list[Content] = []
TRIES: dict[bytes, Callable[[], object]] = {
    b"connect": lambda: socket.socket(),
    b"execute": lambda: os.execv("/bin/true", ["true"]),
    b"read a file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    b"read the node": lambda: os.open("/proc/1/environ", os.O_RDONLY),
    b"write a file": lambda: os.open("/tmp/written", os.O_WRONLY | os.O_CREAT),
    b"change the content": lambda: os.ftruncate(CONTENT[0].file().fileno(), 0),
    b"fork": os.fork,
    b"kill": lambda: os.kill(int(CONTENT[0].whole.split()[-1]), 9),
    b"trace": trace,
    b"remove": lambda: os.unlink("/tmp/written"),
    b"run": run_what_was_written,
    b"look around": lambda: os.stat("/etc/passwd"),
    b"half an answer": lambda: (os.write(LINE, (1000).to_bytes(4, "big") + b"half"), time.sleep(60)),
    b"a long answer": lambda: (os.write(LINE, (2**31).to_bytes(4, "big") + bytes(70000)), time.sleep(60)),
    b"no answer": lambda: os._exit(0),
    b"another answer": lambda: (os.write(LINE, (2).to_bytes(4, "big") + b"[]"), time.sleep(60)),
    b"floods": floods,
    b"works for ever": works_for_ever,
    b"works a while": works_a_while,
}


def says(told: dict[str, object]) -> None:
    text = json.dumps(told).encode()
    os.write(LINE, len(text).to_bytes(4, "big") + text)
    time.sleep(60)


OTHERS = {"signal": "md5", "value": "ab" * 16}
SAYS: dict[bytes, dict[str, object]] = {
    b"it is another": {"size": 3, "sha256": "ab" * 32, "media_type": "image/png", "fingerprints": [OTHERS]},
    b"it began anew": {"begun": {"size": 3, "sha256": "ab" * 32, "media_type": "a", "fingerprints": [OTHERS]}},
    b"its md5 is another": {"rest": {"fingerprints": [OTHERS]}},
    b"it is empty": {"reason": "the file is empty"},
    b"nonsense": {"nonsense": []},
}
"""What a child that was taken over while it decoded says, by the last word of the picture."""


def decodes(content: Content, options: Options) -> Rest:
    for word, told in SAYS.items():
        if content.whole.endswith(word):
            says(told)
    os._exit(0)


def tries(content: Content, options: Options) -> Fingerprinted | Skipped:
    CONTENT[:] = [content]
    if content.media_type.startswith("image/"):
        return of_bytes(content, options)
    what = content.whole.partition(b":")[0]
    try:
        TRIES[what]()
    except OSError as error:
        return Skipped(UNREADABLE, f"refused: {error.strerror}")
    return Skipped(UNREADABLE, "done")


if __name__ == "__main__":
    child.BETWEEN = 0.1
    child.of_bytes, child.of_rest = tries, decodes  # type: ignore[assignment]
    sys.exit(zygote.main())
