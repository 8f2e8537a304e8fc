"""The site of the tests, with models on the bases of other packages."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "mptt", "treebeard", "polymorphic", "safedelete", "tests.others.bases"]
