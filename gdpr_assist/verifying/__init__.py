"""Whether what was erased still is: of everything, of an operation, of a person; and what is not, erased again."""
