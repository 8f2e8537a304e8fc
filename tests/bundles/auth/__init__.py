"""Apps that one logs in with. After an erasure nobody gets in, by any of their ways."""
