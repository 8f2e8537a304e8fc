"""The example project: rows of people, and what of them may stay."""

from accounts.models import Profile
from forum.models import Comment, Message, Thread
from newsletter.models import Subscription
from shop.models import Address, Order, OrderLine, Product

from .everywhere import DjangoSite
from .filling import NOBODY
from .judging import NOT_PERSONAL, Rule

RULES = [
    Rule(
        NOT_PERSONAL,
        ["shop_address.label", "shop_order.number", "forum_thread.title", "newsletter_subscription.source"],
    ),
    Rule(
        "no key and no value leads from a session to its person; clearsessions deletes it when it has expired",
        ["django_session.session_key", "django_session.session_data"],
        is_found=False,
    ),
]

# What no export has, and no manifest names
NOT_EXPORTED = set()

# Texts that cannot hold a token
WITHOUT = {"accounts_profile.country", "django_admin_log.object_id", "shop_order.status"}


class Filled(DjangoSite):
    def fill(self):
        self.write_accounts()
        self.write_groups()
        self.write_admin_log(self.accounts)
        self.write_sessions(self.accounts)
        for number in self.accounts:
            self.row(Profile, number, user=self.users[number], country="GB")
            for _ in range(self.chance.randrange(3)):
                self.row(Address, number, user=self.users[number])
        self.save()
        self._write_orders()
        self._write_forum()
        self._write_newsletter()

    def _write_orders(self):
        products = [self.row(Product, NOBODY, price=1) for _ in range(10)]
        self.public = {product.name for product in products}
        orders = []
        for number, user in self.users.items():
            packer = self.users[self.other(number)]
            for _ in range(self.chance.randrange(4)):
                orders.append((self.by_key(Order, number, customer=user, packed_by=packer), {number}))
            if self.happens(0.3):
                orders.append((self.by_email(Order, number, packed_by=packer), self.has_email[number]))
            if self.happens(0.1):
                orders.append((self.with_email_of_another(Order, number, customer=user), {number}))
        orders += [(self.by_email(Order, number), self.has_email[number]) for number in self.guests]
        self.save()
        for order, whose in orders:
            self.row(OrderLine, *whose, product=self.chance.choice(products), order=order)
        self.save()

    def _write_forum(self):
        threads = [self.row(Thread, number, author=user) for number, user in self.users.items()]
        self.save()
        for number in self.accounts:
            for _ in range(self.chance.randrange(4)):
                self.row(Comment, number, author=self.users[number], thread=self.chance.choice(threads))
            self._write_message(number, self.other(number))
        self.save()

    def _write_message(self, sender, recipient):
        message = self.parts(
            Message,
            {"sender_name": sender, "recipient_name": recipient, "body": sender},
            sender=self.users[sender],
            recipient=self.users[recipient],
        )
        self.sees[sender].add(message.recipient_name)
        self.sees[recipient] |= {message.sender_name, message.body}

    def _write_newsletter(self):
        """Each address once; some were written in capitals."""
        for email, number in {email: number for number, email in self.emails.items()}.items():
            self.by_email(Subscription, number, email=email.upper() if self.happens(0.2) else email)
        self.save()
