"""The event log, and what is kept beside the rows so that it can be trusted. Knows labels, not models."""
