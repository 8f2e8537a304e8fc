"""Two people have a page with a picture, which an editor makes and corrects, and write by a form."""

from io import BytesIO

from django.contrib.auth import get_user_model
from django.core.files.images import ImageFile
from django.test import Client
from PIL import Image
from wagtail.contrib.redirects.models import Redirect
from wagtail.models import Revision, Site

from tests.bundles.people import PASSWORD, Left
from tests.bundles.running import by_deleting, by_erasing

from .models import ContactField, ContactPage, Portrait, StaffPage

LEFT = [
    Left("a page stays, of an account that is nobody's any more", ["pages_staffpage.person_id"]),
    Left(
        "SQLite keeps words in the blocks of a full-text index until it writes them anew (optimize, update_index)",
        ["wagtailsearch_indexentry_fts_data.block"],
    ),
]
CHANGED = [
    Left(
        "the full-text index of all pages is one",
        ["wagtailsearch_indexentry_fts_*"],
    ),
    Left(
        "with a picture that is deleted go its tag and what refers to it",
        ["taggit_taggeditem", "wagtailcore_referenceindex"],
    ),
]


def fill(gone, stays):
    editor = get_user_model().objects.get(username="officer")
    home = Site.objects.get().root_page
    form = home.add_child(instance=ContactPage(title="Contact", slug="contact"))
    for label, kind in (("Your e-mail", "email"), ("Text", "multiline")):
        ContactField.objects.create(page=form, label=label, field_type=kind)
    for person in (gone, stays):
        user = get_user_model().objects.create_user(person.username, person.email, PASSWORD, last_name=person.token())
        person.knows["pk"] = user.pk
        page = _make_page(person, user, editor, home)
        _correct(person, page, editor)
        Client().post(form.url, {"your_e_mail": person.email, "text": person.token()})


def _picture(person):
    content = BytesIO()
    Image.new("RGB", (40, 40)).save(content, "PNG")
    return ImageFile(content, name=f"{person.token()}.png")


def _make_page(person, user, editor, home):
    portrait = Portrait.objects.create(
        title=person.token(), description=person.token(), file=_picture(person), person=user, uploaded_by_user=editor
    )
    portrait.tags.add("staff")
    portrait.get_rendition("fill-20x20")
    page = StaffPage(
        title=person.token(),
        slug=person.token(),
        name=person.token(),
        email=person.email,
        bio=f"<p>{person.token()}</p>",
        room="7",
        person=user,
        portrait=portrait,
    )
    home.add_child(instance=page)
    page.save_revision(user=editor, log_action=True).publish(user=editor)
    Redirect.objects.create(old_path=f"/{person.token()}", redirect_page=page, site=Site.objects.get())
    return page


def _correct(person, page, editor):
    page.title = page.slug = person.token()
    page.bio = f"<p>{person.token()}</p>"
    page.save_revision(user=editor, log_action=True).publish(user=editor)
    page.refresh_from_db()
    page.room, page.name = "8", person.token()
    page.save_revision(user=editor, log_action=True)


def an_editor_publishes(go):
    """Return the way to go, after which an editor publishes each version of the page that there is."""

    def publish(bundle):
        key = StaffPage.objects.get(person=bundle.user).pk
        go(bundle)
        for revision in Revision.objects.page_revisions().filter(object_id=str(key)):
            revision.publish()

    return publish


WAYS = {
    "erase(), an editor publishes": an_editor_publishes(by_erasing),
    "delete(), an editor publishes": an_editor_publishes(by_deleting),
}
