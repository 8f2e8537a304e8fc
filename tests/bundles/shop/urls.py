"""The pages of the shop, and the admin."""

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("login/", LoginView.as_view(template_name="admin/login.html"), name="login"),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
