"""What dj_anonymizer shall do, which loads this file by its path."""

from dj_anonymizer.register_models import AnonymBase, register_anonym

from benchmarks.peers.models import EMAIL, KEY, WEBSITE, Buyer, Seller


class BuyerAnonym(AnonymBase):
    class Meta:
        update_values = {
            "name": KEY,
            "nickname": "",
            "email": EMAIL,
            "notes": "",
            "birthday": None,
            "income": None,
            "last_ip": None,
            "website": WEBSITE,
        }


class SellerAnonym(AnonymBase):
    class Meta:
        update_values = BuyerAnonym.Meta.update_values


register_anonym([(Buyer, BuyerAnonym), (Seller, SellerAnonym)])
