"""What is held of people, by declaration: as data for a record, and as a drawing of what goes with what."""
