"""Admins that the project has not written: what they lack is said, and one line gives it to them."""

import gc

import pytest
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.core.checks import Warning
from django.urls import path

import gdpr_assist.admin
from gdpr_assist import AnonymiseError
from gdpr_assist.checks.admins import check_W036, check_W037
from gdpr_assist.models import PersonalData
from tests.apps.people.models import Account, Sale
from tests.observing import changed
from tests.people import account, sale


class StockAdmin(ModelAdmin):
    list_display = ["email"]


@pytest.fixture
def site():
    """As another app, and Django, leave it."""
    made = AdminSite(name="stock")
    made.register(Account, StockAdmin)
    made.register(User, UserAdmin)
    made.register([Group, Sale])
    made.register(PersonalData, gdpr_assist.admin.PersonalDataAdmin)
    yield made
    for model in list(made._registry):
        made.unregister(model)
    gc.collect()


def of(site):
    return [each.obj for each in check_W036() if f"'{site.name}'" in each.msg]


def test_the_check_names_the_admins_of_people(site):
    """Not that of sales, which only lead to people."""
    [found] = [each for each in check_W036() if "'stock'" in each.msg]
    assert isinstance(found, Warning)
    assert found.msg.startswith(
        "people.Account: its admin on the site 'stock', tests.admin.test_extending.StockAdmin,"
    )
    assert "gdpr_assist.admin.extend(Account)" in found.hint
    with changed(User, subject="self", identifiers={}):
        assert of(site) == [Account, User]


def test_the_check_is_silent_of_ours(site, settings):
    settings.GDPR_STRICT = True
    gdpr_assist.admin.extend(Account, site=site)
    assert of(site) == []


def test_it_is_a_warning_also_where_the_site_is_strict(site, settings):
    settings.GDPR_STRICT = True
    assert all(isinstance(each, Warning) for each in check_W036())


def test_what_is_its_own_stays(site):
    gdpr_assist.admin.extend(User, Account, site=site)
    assert isinstance(site._registry[User], UserAdmin)
    assert isinstance(site._registry[User], gdpr_assist.admin.ModelAdmin)
    assert site._registry[Account].list_display == ["email"]
    before = site._registry[User]
    gdpr_assist.admin.extend(User, site=site)
    assert site._registry[User] is before


def test_the_pages_lead_to_the_person_and_say_what_is_anonymised(site, settings, admin_client):
    ada = account("ada")
    sale(ada)
    gdpr_assist.admin.extend(Account, User, site=site)
    settings.ROOT_URLCONF = (path("stock/", site.urls),)
    page = admin_client.get(f"/stock/people/account/{ada.pk}/change/").content.decode()
    assert page.count("Personal data of this person</button>") == 1
    page = admin_client.get(f"/stock/people/account/{ada.pk}/delete/")
    assert dict(page.context["model_count"]) == {"accounts": 1, "sales to be anonymised": 1}
    user = User.objects.get()
    assert admin_client.get(f"/stock/auth/user/{user.pk}/change/").status_code == 200
    assert admin_client.get(f"/stock/auth/user/{user.pk}/password/").status_code == 200
    assert admin_client.get("/stock/auth/user/add/").status_code == 200


def test_a_model_without_an_admin_there_is_an_error(site):
    site.unregister(Account)
    with pytest.raises(
        AnonymiseError, match=r"^people\.Account has no admin on the site 'stock' yet\. Call extend\(\)"
    ):
        gdpr_assist.admin.extend(Account, site=site)


# -- W037 --------------------------------------------------------------------------------------


def test_gdpr_assist_W037(settings):
    [found] = check_W037()
    assert found.id == "gdpr_assist.W037"
    assert "view_personaldata may search" in found.msg
    assert "GDPR_TOOL_PERMISSIONS = True" in found.hint
    settings.GDPR_TOOL_PERMISSIONS = True
    assert check_W037() == []


def test_gdpr_assist_W037_is_no_concern_of_a_site_without_the_tool(monkeypatch):
    monkeypatch.setattr("gdpr_assist.checks.admins.admin_sites", lambda: [AdminSite("empty")])
    assert check_W037() == []
