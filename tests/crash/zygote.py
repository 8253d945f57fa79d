"""Imported once by the process from which the others are forked."""

import gc

from tests.crash import worker

worker.set_up()
gc.collect()
gc.freeze()  # what is loaded stays, and is not copied because a fork looks at it
