from django.urls import include, path
from wagtail.admin import urls as admin_urls

urlpatterns = [path("cms/", include(admin_urls))]
