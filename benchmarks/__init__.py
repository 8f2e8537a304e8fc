"""What the package costs, beside the SQL that one would write by hand. Not part of what is installed."""
