"""A person: which rows are hers, found by keys and by values, and erased or exported as a whole."""
