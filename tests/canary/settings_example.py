"""The example project, on the databases of the test suite."""

import os
import sys
from pathlib import Path

from tests.settings import DB_NAME, SCRATCH, database

sys.path.insert(0, str(Path(__file__).parents[2] / "example_project"))
os.environ["EXAMPLE_VAR"] = str(SCRATCH / "canary_example")

from example.settings import *  # noqa: F403

DATABASES = {
    "default": database(f"{DB_NAME}_canary_example"),
    "gdpr_log": database(f"{DB_NAME}_canary_example_log"),
}
MEDIA_ROOT = SCRATCH / "canary_example" / "media"
