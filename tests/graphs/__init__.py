"""Small sites at random: models with keys among them, what is declared of them, rows; and whose these are, by hand."""
