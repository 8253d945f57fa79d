"""We tell an authority."""
