"""The pages of the apps, and one for each way to be known by, which says who somebody is."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.http import HttpResponseForbidden, JsonResponse
from django.urls import include, path
from django_otp.views import LoginView as LoginWithDevice
from knox.auth import TokenAuthentication as KnoxAuthentication
from knox.views import LoginView as KnoxLogin
from oauth2_provider.contrib.rest_framework import OAuth2Authentication
from rest_framework.authentication import BasicAuthentication, TokenAuthentication
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.decorators import api_view, authentication_classes


def who(request):
    return JsonResponse({"pk": request.user.pk})


def who_with_device(request):
    return who(request) if request.user.is_verified() else HttpResponseForbidden()


def known_by(authentication):
    return api_view(["GET"])(authentication_classes([authentication])(who))


urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("idp/", include("allauth.idp.urls")),
    path("login/", LoginView.as_view(template_name="admin/login.html")),
    path("login/device/", LoginWithDevice.as_view(template_name="admin/login.html")),
    path("login/knox/", KnoxLogin.as_view(authentication_classes=[BasicAuthentication])),
    path("login/token/", obtain_auth_token),
    path("o/", include("oauth2_provider.urls")),
    path("social/", include("social_django.urls")),
    path("who/", who),
    path("who/basic/", known_by(BasicAuthentication)),
    path("who/device/", who_with_device),
    path("who/knox/", known_by(KnoxAuthentication)),
    path("who/oauth2/", known_by(OAuth2Authentication)),
    path("who/token/", known_by(TokenAuthentication)),
]
