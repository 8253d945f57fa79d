"""Partners: other bodies that read our lists, and say what they think of items."""
