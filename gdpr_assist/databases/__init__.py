"""All that depends on an alias or on the vendor of a database, and only here; each table of vendors has a default."""
