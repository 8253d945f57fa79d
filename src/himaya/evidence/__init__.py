"""Exhibits: what the law says must be kept. Sealed as it arrives, each touch on record, gone when its time is over."""
