"""The legal process desk: what authorities demand of us, and what we request of others. Exact, on time, on record.

A *demand* comes to us: keep something, or hand it over. A *request* goes out from a case. Preserving is not disclosing:
nothing leads from a demand to preserve to an answer with contents.
"""
