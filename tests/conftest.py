"""What every test may rely on."""

import hypothesis
import pytest

DATABASE_FIXTURES = {"db", "django_db_reset_sequences", "live_server", "transactional_db"}

# How long an example takes depends on the database and on who else uses the machine.
hypothesis.settings.register_profile("databases", deadline=None)
hypothesis.settings.load_profile("databases")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open all databases to each test that opens one, unless it names some.

    An erasure touches the rows' database and the log, so the default of one would fail them all.
    """
    for item in items:
        marker = item.get_closest_marker("django_db")
        fixtures = getattr(item, "fixturenames", ())
        if marker is None and DATABASE_FIXTURES.isdisjoint(fixtures):
            continue
        kwargs = dict(marker.kwargs) if marker else {}
        kwargs.setdefault("databases", "__all__")
        args = marker.args if marker else ()
        item.add_marker(pytest.mark.django_db(*args, **kwargs), append=False)


@pytest.fixture
def media_root(settings, tmp_path):
    """Keep the uploaded files of one test in a directory of its own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT
