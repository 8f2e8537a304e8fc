"""The pages of the site, the admin of wagtail and that of Django."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls

urlpatterns = [
    path("admin/", admin.site.urls),
    path("cms/", include(wagtailadmin_urls)),
    path("login/", LoginView.as_view(template_name="admin/login.html")),
    path("", include(wagtail_urls)),
]
