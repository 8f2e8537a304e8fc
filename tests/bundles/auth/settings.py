"""A project with apps that one logs in with."""

from tests.bundles.settings import *  # noqa: F403
from tests.bundles.settings import INSTALLED_APPS, MIDDLEWARE, databases, media

DATABASES = databases("auth")
MEDIA_ROOT = media("auth")
ROOT_URLCONF = "tests.bundles.auth.urls"

INSTALLED_APPS = [
    "gdpr_assist",
    *INSTALLED_APPS,
    "allauth",
    "allauth.account",
    "allauth.idp.oidc",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.dummy",
    "allauth.usersessions",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_email",
    "django_otp.plugins.otp_hotp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "guardian",
    "knox",
    "oauth2_provider",
    "rest_framework",
    "rest_framework.authtoken",
    "social_django",
]
MIDDLEWARE = [
    *MIDDLEWARE,
    "django_otp.middleware.OTPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
    "social_core.backends.username.UsernameAuth",
    "social_core.backends.email.EmailAuth",
]
LOGIN_REDIRECT_URL = LOGIN_URL = "/who/"

# allauth: each row that it can write
ACCOUNT_EMAIL_CONFIRMATION_HMAC = False
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_RATE_LIMITS = False
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1
USERSESSIONS_TRACK_ACTIVITY = True

# axes: the same
AXES_ENABLE_ACCESS_FAILURE_LOG = True
AXES_FAILURE_LIMIT = 1000

# django-oauth-toolkit: with ID tokens, and a code that is good as long as the slowest machine takes
OAUTH2_PROVIDER = {
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 36_000,
    "OAUTH_DEVICE_VERIFICATION_URI": "http://testserver/o/device/",
    "OIDC_ENABLED": True,
    "SCOPES": {"openid": "who it is", "read": "to read"},
}

# social-auth: an address that is new has to be confirmed.
SOCIAL_AUTH_EMAIL_VALIDATION_FUNCTION = "tests.bundles.auth.pages.mail_code"
SOCIAL_AUTH_EMAIL_VALIDATION_URL = "/who/"
SOCIAL_AUTH_PIPELINE = [
    "social_core.pipeline.social_auth.social_details",
    "social_core.pipeline.social_auth.social_uid",
    "social_core.pipeline.social_auth.auth_allowed",
    "social_core.pipeline.social_auth.social_user",
    "social_core.pipeline.user.get_username",
    "social_core.pipeline.mail.mail_validation",
    "social_core.pipeline.user.create_user",
    "social_core.pipeline.social_auth.associate_user",
    "social_core.pipeline.social_auth.load_extra_data",
]
