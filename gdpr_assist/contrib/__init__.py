"""What other apps need, ready: declarations of their models, and rules for their field classes.

``GDPR_CONTRIB`` names those that a site takes. A module has the name of its app, as in INSTALLED_APPS, and
``declarations()``: {label of a model: what is declared of it}, or ``rules()``: {dotted path of a field class: its
rule}, or both. What the site declares itself, by an inner class or by ``register()``, takes the place of it, and so
does a rule of its own for the same class.
"""
