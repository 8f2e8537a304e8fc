"""What was written in a ``PrivacyMeta``: read, validated, frozen. Loads no models and writes nothing."""
