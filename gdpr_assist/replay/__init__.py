"""After a backup was restored: what was erased is erased again."""
