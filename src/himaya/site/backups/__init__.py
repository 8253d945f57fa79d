"""Backups: the node's data in one place, its keys in another, and both put back so that nothing is said or sent twice.

It stands with the assembly because it sees every room, and has no tables of its own. A backup is a directory that is
whole or not there (:mod:`making`); the keys are an archive of their own, encrypted (:mod:`keys`); what is put back is
verified first and last (:mod:`restoring`); a drill does all of it beside the node that runs (:mod:`drilling`).
"""
