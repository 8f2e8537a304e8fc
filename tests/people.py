"""People of ``tests.apps.people``, and rows about them."""

from tests.apps.people.models import Account, Parcel, Reader, Remark, Sale, SaleLine


def account(name, **values):
    """Create somebody who has confirmed the address."""
    return Account.objects.create(email=f"{name}@quill.example", **{"is_confirmed": True, **values})


def sale(buyer=None, email="", **values):
    """Create a sale; without a buyer it is a guest's."""
    return Sale.objects.create(buyer=buyer, email=email, **{"recipient": "Ada", **values})


def around(person, phone=""):
    """Create rows about an account, by each kind of way; return {what each is: the row}."""
    parcel = Parcel.objects.create(street="Harbour Road")
    bought = sale(person, email=person.email, phone=phone, parcel=parcel)
    return {
        "sale": bought,
        "parcel": parcel,
        "line": SaleLine.objects.create(sale=bought, engraving="Ada"),
        "guest": sale(email=person.email),
        "remark": Remark.objects.create(about=bought, text="for Ada"),
        "reader": Reader.objects.create(email=person.email),
    }
