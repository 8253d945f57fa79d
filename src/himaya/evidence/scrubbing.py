"""Reading all that is kept, again and again."""


def scrub_due() -> bool:
    """Temporary."""
    return False
