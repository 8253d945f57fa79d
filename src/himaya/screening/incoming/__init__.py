"""What others bring: checked, shown, sealed, matched, and put to its case."""
