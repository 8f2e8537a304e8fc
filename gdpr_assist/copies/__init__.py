"""What belongs to a row beside its columns: a keeper for each kind finds it, and erases it with the row."""
