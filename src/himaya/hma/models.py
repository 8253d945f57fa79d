"""Tables of HMA's door: how lists are called there, and which items one content of a bank is."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

OFF, ON = 0, 1
"""HMA's ``disable_until_ts``: off, on; any other number is the moment (seconds, Unix) at which it is on again."""


class Bank(models.Model):
    """How a list is called as a bank. Without a row it is called after its own name; see :mod:`himaya.hma.names`.

    ``name`` is empty where the bank was deleted: its list is off then, and no bank for as long as that is so.
    """

    list = models.OneToOneField("lists.HashList", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=255, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name"], condition=~Q(name=""), name="hma_bank_name_once")]


class Content(models.Model):
    """One content of a bank: several items, or one that HMA's clients said something about.

    An item that is in no content is one by itself, under its own number. ``number`` is that item's where the content
    was made with one new item, and otherwise one that no item will ever have. It is never given out again.
    """

    number = models.BigIntegerField(primary_key=True)
    list = models.ForeignKey("lists.HashList", on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=255, default="")
    metadata = models.JSONField(default=dict)
    """HMA's ``content_id``, ``content_uri`` and ``json``, as far as they were given."""
    disabled_until = models.BigIntegerField(default=ON)
    removed = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["disabled_until"], condition=Q(disabled_until__gt=1), name="hma_content_rests")]


class Part(models.Model):
    """An item of a content. ``revision``: that of the item when it was withdrawn here; 0 where it was not."""

    content = models.ForeignKey(Content, on_delete=models.PROTECT, related_name="+")
    item = models.ForeignKey("lists.Item", on_delete=models.PROTECT, related_name="+")
    revision = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["content", "item"], name="hma_part_once")]
