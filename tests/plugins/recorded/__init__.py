"""Sources that answer from recordings: one module a connector, named after it (dashes as underscores).

Each has a class ``Recorded(Source)`` with, beside :meth:`~tests.sources.Source.answer`:

``config(url)``      what an operator would set, secrets included, as a dictionary
``first``            the keys that stand once round 1 was read, in at least two pages
``second``           the keys that stand once round 2 was read after that: at least one fewer key was withdrawn
``withdrawn``        a key of ``first`` that round 2 withdraws, by the source's own way to say so

The class of a source that is asked, and hands out no list, has in place of the last three

``known``, ``unknown``   values of the first signal of ``asks``, equally many, of which it knows the former
"""
