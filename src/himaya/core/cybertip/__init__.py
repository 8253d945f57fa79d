"""The CyberTipline of NCMEC, as a provider reports to it: its form, its rules, its XML, its answers.

Everything is read from the table ``elements.csv``, which says what each element holds, in which order, how often and
how long, as the schema and the documentation of June 2025 have it. Where the two differ, the schema is followed; what
the documentation lacks or the schema keeps for older clients (``fileName``, ``potentialMeme`` beside
``fileAnnotations``) is left out.
"""
