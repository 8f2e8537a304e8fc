"""Ready declarations for models of other apps, a module for each; ``GDPR_CONTRIB`` names those that a site takes.

A module has the name of its app, as in INSTALLED_APPS, and ``declarations()``: {label of a model: what is declared of
it}. What the site declares itself, by an inner class or by ``register()``, takes the place of it.
"""
