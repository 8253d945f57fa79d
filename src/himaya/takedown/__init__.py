"""We tell a host."""
