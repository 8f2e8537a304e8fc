"""Real apps, in bundles that live in one project each: two people use them as they are meant to be used, and one goes.

``python -m tests.bundles auth`` runs the bundle ``auth``. A bundle is a package here with

* ``settings``: those of the project; they begin with ``from tests.bundles.settings import *``
* ``requirements.txt``: the apps, which are installed at their newest release
* ``models``, if the bundle is one of a recipe: what ``docs/howto/recipes`` shows of it
* ``rows.fill(gone, stays)``: makes the rows of two ``people.Person`` by what the apps offer to do so
* ``rows.LEFT``: the closed list of ``people.Left``: where values of somebody who is gone may stand, and why
* ``rows.CHANGED``: the same of rows of the one who stays, which a way changes, by table
* ``rows.WAYS``, if there are ways to go that are of these apps alone: {name: a function of the bundle}
* ``rows.decrypted()``, if the databases hold what only Python reads: {place: [text]}
* ``logins.LOGINS``, if one can log in: {name: a function of a person, which says whether they got in}

``running`` does each way on a fresh copy, ``looking`` reads what there is, ``report`` compares and prints.
"""
