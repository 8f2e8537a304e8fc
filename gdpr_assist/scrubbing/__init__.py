"""A copy for development: every row anonymised, and looked at afterwards."""
