"""The way to get in, which both people try before anybody goes and after."""

from tests.bundles.browsing import by_password

LOGINS = {"name and password": by_password}
