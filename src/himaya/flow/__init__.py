"""When this happens, do that: the only room that reacts."""
