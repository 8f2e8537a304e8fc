"""django-otp: the devices of an account, and their codes, are deleted with it."""

from __future__ import annotations

from typing import Any

APP = "django_otp"

DEVICE = ["user", "confirmed", "created_at", "last_used_at"]
THROTTLING = ["throttling_failure_timestamp", "throttling_failure_count"]


class DevicePrivacy:
    copy_of = "user"
    on_erasure = "delete"


class TOTPDevicePrivacy(DevicePrivacy):
    fields = ["name", "key"]
    keep = [*DEVICE, *THROTTLING, "step", "t0", "digits", "tolerance", "drift", "last_t"]


class HOTPDevicePrivacy(DevicePrivacy):
    fields = ["name", "key"]
    keep = [*DEVICE, *THROTTLING, "digits", "tolerance", "counter"]


class StaticDevicePrivacy(DevicePrivacy):
    fields = ["name"]
    keep = [*DEVICE, *THROTTLING]


class StaticTokenPrivacy:
    fields = ["token"]
    keep = ["device"]
    copy_of = "device"
    on_erasure = "delete"


class EmailDevicePrivacy:
    """An address of its own, where it has one: a person may ask for it."""

    fields = ["name", "email", "token"]
    keep = [*DEVICE, *THROTTLING, "valid_until", "last_generated_timestamp"]
    subject = "user"
    identifiers = {"email": "email"}
    export_exclude = ["token"]
    on_erasure = "delete"


def declarations() -> dict[str, type[Any]]:
    """Return what is declared of the devices of those of its plugins that are installed."""
    return {
        "otp_totp.TOTPDevice": TOTPDevicePrivacy,
        "otp_hotp.HOTPDevice": HOTPDevicePrivacy,
        "otp_static.StaticDevice": StaticDevicePrivacy,
        "otp_static.StaticToken": StaticTokenPrivacy,
        "otp_email.EmailDevice": EmailDevicePrivacy,
    }
