"""The door for WSGI servers."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "himaya.site.settings")
full = get_wsgi_application()

from himaya.core.config import WEB_THREADS  # noqa: E402 - once the rooms are loaded
from himaya.screening import live  # noqa: E402
from himaya.site.gate import Gate  # noqa: E402
from himaya.site.shortcut import Shortcut  # noqa: E402

application = Shortcut(Gate(full, at_once=WEB_THREADS), first=live.follow)

# What is loaded now stays: a full collection that walked through it would hold every request up for 40 ms.
gc.collect()
gc.freeze()
