"""What proves a bundle by itself. These files import the standard library and one another; :mod:`..standalone` makes
one file of them, which goes into every bundle. Python 3.9 has to read it, so what is newer is not used here.
"""
