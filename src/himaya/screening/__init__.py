"""Something is shown to us, a file or a fingerprint: is it known?"""
