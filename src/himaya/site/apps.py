"""The assembly as a Django app: base templates, static files, commands."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Puts the rooms together."""

    name = "himaya.site"
    label = "site"
