"""Looks for values that should be gone, everywhere in the databases and in stored files. Writes nothing."""
