"""A site with many models, to time its start."""
