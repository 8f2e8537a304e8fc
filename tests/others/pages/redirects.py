"""As the docs have it: redirects from the old path of an erased page are taken back."""

from django.dispatch import receiver
from wagtail.contrib.redirects.models import Redirect
from wagtail.signals import page_slug_changed

from .models import StaffPage


@receiver(page_slug_changed, sender=StaffPage)
def take_redirects_back(instance, **kwargs):
    if instance.is_anonymised():
        pages = instance.get_descendants(inclusive=True)
        Redirect.objects.filter(redirect_page__in=pages, automatically_created=True).delete()
