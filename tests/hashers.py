"""Argon2 with its least cost: the real algorithm, without its price in every test that makes a person."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    """A hasher whose parameters are written into each hash, as those of the real one are."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
