"""How far verdicts can be relied upon: second looks, how far people agree, practice, and appeals."""
