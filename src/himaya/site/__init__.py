"""Assembly: settings, addresses, base templates, the command line. Nothing is decided here."""
