"""Who the tenants are: in the schema that all of them share."""
