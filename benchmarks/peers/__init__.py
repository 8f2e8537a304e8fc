"""The scrub of a copy beside two other packages, django-scrubber and dj_anonymizer: ``python -m benchmarks.peers``.

It takes ``requirements.txt``, which the other benchmarks and the tests do not need; nothing imports it from outside.
"""
