"""Lists that are served and followed: signed as one whole (TUF), in small steps, over a line or by stick.

``files`` writes and reads what an organisation says about a list; ``publishing`` keeps the signed repository that
serves it; ``following`` reads one of somebody else's; ``keys`` makes keys and the root that everything hangs on;
``bundle`` puts a repository into one file. (The Update Framework, specification 1.0; NIST SP 800-57 for the lives.)
"""
