"""What stands in the log. Read by the settings, so nothing of Django is imported here."""

from __future__ import annotations

import logging


class OneLine(logging.Filter):
    """What was asked for and refused is an answer, not a defect: one line in the log, without a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes."""
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True


class WrongName(logging.Filter):
    """A name that the node does not answer to: one line, in the words of our own settings."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes."""
        _, header, rest = str(record.msg).partition("header: ")
        if header:  # else it was seen already
            name = rest.partition(". ")[0][:200]
            record.msg, record.args = f"a request for the name {name} was refused: it is not in the setting hosts", ()
            record.exc_info = record.exc_text = None
        return True
