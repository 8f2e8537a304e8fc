"""The main job of gdpr_assist on the example site: ``python demo.py``, no questions asked.

Starts from an empty directory each time, prints every step with its numbers, and ends with
exit status 1 if any of them does not hold.
"""

import os
import sys
from importlib import import_module
from time import perf_counter

import django

from walkthrough import places
from walkthrough.transcript import DoesNotHold, Transcript


def main() -> int:
    """Return the exit status."""
    # The steps import models, which have to wait for Django to be set up.
    Walkthrough = import_module("walkthrough.steps").Walkthrough
    transcript = Transcript()
    started = perf_counter()
    try:
        Walkthrough(transcript).run()
    except DoesNotHold as error:
        transcript.note(str(error))
        return 1
    transcript.note("")
    transcript.note(f"All {transcript.number} steps hold. {perf_counter() - started:.1f} s")
    return 0


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "example.settings"
    os.environ["EXAMPLE_VAR"] = str(places.VAR)
    for name in ("EXAMPLE_DATABASE", "EXAMPLE_MEDIA", "GDPR_CAN_ANONYMISE_DATABASE"):
        os.environ.pop(name, None)
    places.start_clean()
    django.setup()
    sys.exit(main())
