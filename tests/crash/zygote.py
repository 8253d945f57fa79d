"""Imported once by the process from which the others are forked."""

import gc
import importlib

from django.conf import settings
from django.core.handlers.base import BaseHandler
from tests.crash import worker

worker.set_up()
importlib.import_module("himaya.site.urls")  # the API, which takes a second
BaseHandler().load_middleware()
settings.PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]
gc.collect()
gc.freeze()  # what is loaded stays, and is not copied because a fork looks at it
