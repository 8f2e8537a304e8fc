"""Signal definitions; connects nothing.

``pre_anonymise`` and ``post_anonymise`` are for projects: ``sender`` is the model class, ``instance`` the row,
``using`` the database alias. So are ``rows_anonymised``, ``erased``, ``deleted``, ``refilled``, ``pre_scrub`` and
``post_scrub``. The others are the app's own: a lower room announces, a higher one acts.
"""

from __future__ import annotations

from django.dispatch import Signal

pre_anonymise = Signal()
post_anonymise = Signal()

# sender: the model class
model_registered = Signal()
model_unregistered = Signal()

# sender: the model class; queryset: its rows whose target is being deleted; keys: the columns that point there
target_deleted = Signal()

# For projects, once for each batch of rows that were anonymised, in their transaction: for what must follow the rows,
# as a search index. sender: the registered model; keys: a list of their primary keys; using
rows_anonymised = Signal()

# In the transaction of an erasure. sender: the model class; keys: the primary keys of the rows that were anonymised;
# using; operation: the id under which it is logged, or None; by: who asked for it; after: takes a function that is
# called once the rows are committed
erased = Signal()

# The same of rows of a person that were deleted: each that was found, not those that went with it
deleted = Signal()

# With GDPR_WATCH_REFILLS, after the save of an anonymised row that holds something again. sender: the model class;
# instance: what was saved; using; fields: names of the personal fields that are filled
refilled = Signal()

# By anonymise_db, once for each database: before the first row of all is changed, and after the last one, before the
# files are compacted. sender: None; using
pre_scrub = Signal()
post_scrub = Signal()
