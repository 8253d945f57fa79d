"""Our lists in Himaya's own form: a signed repository a list (``core.repository``), all of them under one root.

Each list has a repository of its own, so that a partner sees nothing of lists that it may not read. People sign the
root offline; the node signs what it serves with a key of its own.
"""
