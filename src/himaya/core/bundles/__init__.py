"""Bundles of evidence: what a court's own experts verify with their own tools and without Himaya. No database.

A bundle is a bag (RFC 8493): the exhibits, encrypted to those who may open them, and what is known of them in the forms
that the field reads (:mod:`case`, :mod:`vics`, :mod:`report`), with everything that proves it and the program that does
(:mod:`alone`). :mod:`writing` makes one, :mod:`reading` takes one from a stranger.
"""
