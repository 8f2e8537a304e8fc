"""The pages of the apps, and one for each way to be known by, which says who somebody is."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.http import JsonResponse
from django.urls import include, path
from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.decorators import api_view, authentication_classes


def who(request):
    return JsonResponse({"pk": request.user.pk})


def known_by(authentication):
    return api_view(["GET"])(authentication_classes([authentication])(who))


urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("login/", LoginView.as_view(template_name="admin/login.html")),
    path("token/", obtain_auth_token),
    path("who/", who),
    path("who/authtoken/", known_by(TokenAuthentication)),
]
