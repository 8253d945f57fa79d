"""Well-being by rule: what a person is given and shown, and when it is enough.

What stands here about a person is theirs. It goes into no ledger and no statistics with a name; leads see sums of the
team, and of a person only that support is due.
"""
