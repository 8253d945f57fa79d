"""Tables of the log: leaves, hashes in tiles, checkpoints, witnesses, the logs that this node witnesses, audits."""

from __future__ import annotations

from django.db import models


class Identity(models.Model):
    """One row: who the log is. The secrets are sealed: the database alone signs nothing and opens no commitment."""

    origin = models.CharField(max_length=200)
    witness = models.CharField(max_length=210)
    """The name under which this node cosigns the logs of others."""
    log_key = models.TextField()
    witness_key = models.TextField()
    salt_key = models.TextField()
    log_public = models.CharField(max_length=400)
    """Verifier keys in clear, so that what is public can be read without the secrets."""
    witness_public = models.CharField(max_length=400)
    made_at = models.DateTimeField()


class Growth(models.Model):
    """One row: how many leaves there are. Its lock puts writers in a line, so that no index is skipped."""

    size = models.BigIntegerField(default=0)


class Leaf(models.Model):
    """What a leaf is about; the hash is the leaf's own in the tree, SHA-256(0x00 ‖ commitment).

    ``kind`` and ``unique`` name the event for whoever keeps it; ``about`` is its object, as in the ledger.
    """

    index = models.BigAutoField(primary_key=True)
    """Given by whoever holds the lock of the growth. Such a key is a row's own place in SQLite and needs no index."""
    kind = models.CharField(max_length=20)
    unique = models.BigIntegerField()
    about = models.CharField(max_length=100)
    at = models.DateTimeField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "unique"], name="log_leaf_once")]
        indexes = [
            models.Index(fields=["about", "index"], name="log_leaf_about"),
            models.Index(fields=["kind", "index"], name="log_leaf_kind"),
        ]


class Tile(models.Model):
    """Up to 256 hashes of a level, one after the other (C2SP tlog-tiles). Only the last of a level still grows."""

    level = models.SmallIntegerField()
    number = models.BigIntegerField()
    hashes = models.BinaryField(max_length=256 * 32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "number"], name="log_tile_place")]


class Checkpoint(models.Model):
    """What this node signed: that its first ``size`` leaves have this root."""

    origin = models.CharField(max_length=200)
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["origin", "size"], name="log_checkpoint_once")]


class Witness(models.Model):
    """Who looks at our checkpoints and cosigns them."""

    name = models.CharField(max_length=60, unique=True)
    key = models.CharField(max_length=400)
    address = models.CharField(max_length=400)
    private = models.BooleanField(default=False)
    """Its address may be one of a private network, and plain http."""
    said = models.CharField(max_length=400, default="")
    """What went wrong the last time it was asked; empty where nothing did."""
    asked_at = models.DateTimeField(null=True)
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)


class Cosignature(models.Model):
    """A witness's line under one of our checkpoints."""

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="+")
    witness = models.ForeignKey(Witness, on_delete=models.PROTECT, related_name="+")
    line = models.TextField()
    at = models.DateTimeField()
    """When the witness says that it saw the checkpoint."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["checkpoint", "witness"], name="log_cosigned_once")]


class Seen(models.Model):
    """A log that this node witnesses, and the last of it that it has seen. ``size`` 0: nothing yet."""

    origin = models.CharField(max_length=200, unique=True)
    key = models.CharField(max_length=400)
    size = models.BigIntegerField(default=0)
    root = models.BinaryField(max_length=32)
    note = models.TextField(default="")
    at = models.DateTimeField(null=True)
    added_at = models.DateTimeField()


class Alarm(models.Model):
    """Something that must not be: a fork, or a node that was set back. It stays until a person settles it."""

    kind = models.CharField(max_length=20)
    origin = models.CharField(max_length=200)
    key = models.CharField(max_length=64, unique=True)
    """Of what it is about, so that who repeats it adds nothing."""
    size = models.BigIntegerField()
    evidence = models.TextField()
    """The notes that show it, one after the other."""
    at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, default="")


class Audit(models.Model):
    """A sample of leaves that a person judges. It is announced first; a checkpoint that is signed later draws it."""

    auditor = models.CharField(max_length=100)
    wanted = models.IntegerField()
    after = models.BigIntegerField()
    """Leaves that there were when it was announced: a larger checkpoint draws the sample."""
    begun_at = models.DateTimeField()
    size = models.BigIntegerField(default=0)
    """Of the checkpoint that drew it; 0: not drawn yet."""
    seed = models.BinaryField(max_length=32, default=b"")
    promise = models.CharField(max_length=64, default="")
    """SHA-256 of a secret of the auditor's, as hexadecimal digits; empty: the checkpoint alone draws."""
    secret = models.CharField(max_length=128, default="")
    """That secret, once it was revealed."""
    judged = models.TextField(default="")
    """JSON: index → whether the auditor agrees."""
    statements = models.IntegerField(default=0)
    """Of what was judged, what was said of items; the rest are acts and ends of the ledger."""
    wrong_statements = models.IntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
