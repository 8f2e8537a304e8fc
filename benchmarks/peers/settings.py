"""Settings of the comparison: those of the benchmarks, with the other packages installed as they say."""

from pathlib import Path

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import DIRECTORY, INSTALLED_APPS

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "benchmarks.peers",
    "django.contrib.sessions",  # scrub_data empties it
    "django_scrubber.apps.DjangoScrubberConfig",
    "dj_anonymizer",
]

# scrub_data refuses without it.
DEBUG = True

ANONYMIZER_MODEL_DEFINITION_DIR = str(Path(__file__).parent / "anonymizer")

# Made by __main__, as gdpr_fakes does.
GDPR_PSEUDONYMS = f"{DIRECTORY}/pools.json"
