"""An app that a test adds to INSTALLED_APPS while it runs: its models are drawn at random (``tests.graphs``)."""
