"""Imported once by the process from which the others are forked."""

from tests.crash import worker

worker.set_up()
