"""Where sealed files lie: a directory, a bucket, or one of each (:mod:`setting` opens what an operator has written).

``port`` says what every store does. What was acknowledged lasts; what was not leaves nothing that is taken for whole.
A store deletes and does not overwrite: its bytes are sealed, and what ends them is the end of their keys
(:mod:`himaya.core.vault.epochs`), which reaches the copies that no store knows of, too.
"""
