"""The door for WSGI servers."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "himaya.site.settings")
full = get_wsgi_application()

from himaya.screening import live  # noqa: E402 - once the rooms are loaded
from himaya.site.shortcut import Shortcut  # noqa: E402

live.follow()
application = Shortcut(full)
