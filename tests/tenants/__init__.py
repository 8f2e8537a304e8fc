"""A site of django-tenants, with a schema for each tenant: tests/test_tenants.py runs its commands."""
