"""Reads the pages as a browser would: fields of forms, messages."""

from html.parser import HTMLParser

from django.contrib.contenttypes.models import ContentType
from django.contrib.messages import get_messages


class Forms(HTMLParser):
    """Collects what each form of a page would send without being touched: {id: [(name, value)]}."""

    def __init__(self, page):
        super().__init__()
        self.forms = {}
        self.actions = {}
        self.current = None
        self.feed(page.content.decode())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.current = attrs.get("id")
            self.forms[self.current] = []
            self.actions[self.current] = attrs.get("action")
        elif tag == "input" and attrs.get("type") == "hidden" and self.current:
            self.forms[self.current].append((attrs["name"], attrs["value"]))

    def handle_endtag(self, tag):
        if tag == "form":
            self.current = None


def send(client, page, form, more, **options):
    """Post a form of a page, with what is ticked and pressed in it."""
    forms = Forms(page)
    data = {**dict(forms.forms[form]), **more}
    data.pop("csrfmiddlewaretoken")
    return client.post(forms.actions[form], data, **options)


def confirm(client, page, **more):
    """Post the form of a confirmation page."""
    return send(client, page, "anonymise-form", more)


def said(response):
    """Return the messages on a page, or those that wait for the page after a redirect."""
    if response.context is not None:
        return [str(message) for message in response.context["messages"]]
    return [str(message) for message in get_messages(response.wsgi_request)]


def obj_pk(instance):
    return f"{ContentType.objects.get_for_model(instance).pk}-{instance.pk}"
