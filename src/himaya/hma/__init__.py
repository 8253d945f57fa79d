"""A door for clients of Meta's Hasher-Matcher-Actioner: banks are lists, contents are items."""
