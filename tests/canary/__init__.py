"""The canary: people with a token in every text column, of whom some are erased. ``python -m tests.canary`` runs it.

``filling``, ``everywhere`` and the modules of the two projects write rows and note whose they are. ``going`` erases,
and ``law`` reads the exports before. ``looking`` reads the databases in SQL, ``judging`` compares, ``report`` prints.
Whose a row is, the package is never asked.
"""
