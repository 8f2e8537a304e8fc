"""The admin, and the pages by which an editor of HTML uploads pictures."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path

from .models import Member

if not admin.site.is_registered(Member):
    admin.site.register(Member)

urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", LoginView.as_view(template_name="admin/login.html")),
    path("ckeditor/", include("ckeditor_uploader.urls")),
    path("ckeditor5/", include("django_ckeditor_5.urls")),
]
