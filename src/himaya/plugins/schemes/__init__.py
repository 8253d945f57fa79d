"""Published classifications."""
