"""Fills the site with people who do not exist. Knows nothing of erasing them.

The same number of people gives the same data each time (with one version of Faker).
"""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import DEFAULT_DB_ALIAS, models, transaction
from django.utils.text import slugify
from faker import Faker

from accounts.models import Profile
from forum.models import Comment, Message, Thread
from newsletter.models import Subscription
from shop.models import Address, Order, OrderLine, Product

from . import avatars

OPENED = datetime(2021, 3, 1, 9, tzinfo=timezone.utc)
DAYS_OPEN = 1500
# One account in so many packs orders, too.
CUSTOMERS_A_PACKER = 50
GOODS = ["Teapot", "Kettle", "Infuser", "Assam", "Darjeeling", "Sencha", "Mug", "Tray"]
KINDS = ["Small", "Classic", "Large", "Gift"]
TOPICS = [
    "How long do you let {} brew?",
    "My {} arrived chipped",
    "Which {} for a beginner?",
    "Storing {} in summer",
    "Has the {} changed lately?",
]


class Seeder:
    """One run: a source of chance, a source of names, a database."""

    def __init__(self, seed: int = 1, using: str = DEFAULT_DB_ALIAS) -> None:
        self.using = using
        self.chance = random.Random(seed)
        self.fake = Faker("en_GB")
        self.fake.seed_instance(seed)

    def site(self, people: int) -> dict[str, int]:
        """Fill an empty site in one transaction; return {"app.Model": rows}."""
        with transaction.atomic(using=self.using):
            products = self.save(self.products())
            users = self.save(self.account(number) for number in range(1, people + 1))
            self.save(self.profile(user) for user in users)
            self.save(self.addresses(users))
            orders = self.save(self.orders(users))
            self.save(self.order_lines(orders, products))
            threads = self.save(self.threads(users))
            self.save(self.comments(users, threads))
            self.save(self.subscriptions(users))
            self.save(self.messages(users))
        return self.rows()

    def newcomer(self, name: str) -> User:
        """Add one person who has just signed up, ordered and subscribed."""
        with transaction.atomic(using=self.using):
            (user,) = self.save([self.account(name)])
            self.save([self.profile(user)])
            self.save([self.address(user)])
            self.save([self.order(f"{name}-1", user)])
            self.save([Subscription(email=user.email, source="checkout", subscribed=self.when())])
        return user

    def save(self, instances) -> list:
        rows = list(instances)
        return type(rows[0])._base_manager.using(self.using).bulk_create(rows) if rows else []

    def rows(self) -> dict[str, int]:
        filled = [User, Profile, Product, Address, Order, OrderLine, Thread, Comment, Message, Subscription]
        return {m._meta.label: m._base_manager.using(self.using).count() for m in filled}

    # -- people ---------------------------------------------------------------------------

    def account(self, number: int | str) -> User:
        first, last = self.fake.first_name(), self.fake.last_name()
        username = f"{slugify(first)}.{slugify(last)}.{number}"
        return User(
            username=username,
            first_name=first,
            last_name=last,
            email=f"{username}@{self.fake.safe_domain_name()}",
            password=self.password_hash(),
            last_login=self.when(),
            date_joined=self.when(),
        )

    def password_hash(self) -> str:
        """A hash of its own for everybody; of one round, since nobody logs in with it."""
        word, salt = (self.fake.password(16, special_chars=False) for _ in range(2))
        return PBKDF2PasswordHasher().encode(word, salt, iterations=1)

    def profile(self, user: User) -> Profile:
        profile = Profile(
            user=user,
            date_of_birth=self.fake.date_between(date(1935, 1, 1), date(2003, 1, 1)),
            phone=self.fake.phone_number() if self.happens(0.7) else "",
            website=f"https://{user.username}.example.net/" if self.happens(0.2) else "",
            about=self.fake.paragraph() if self.happens(0.5) else "",
            country=self.chance.choice(["GB", "GB", "GB", "IE", "FR", "DE"]),
        )
        if self.happens(0.6):
            picture = ContentFile(avatars.draw(self.chance))
            profile.avatar.save(f"{user.username}.png", picture, save=False)
        return profile

    def subscriptions(self, users: list[User]) -> Iterator[Subscription]:
        """Customers who subscribed, some in capitals, and readers who never bought anything."""
        for user in users:
            if self.happens(0.5):
                email = user.email.title() if self.happens(0.1) else user.email
                yield Subscription(email=email, source="checkout", subscribed=self.when())
        for number in range(len(users) // 5):
            email = f"{self.fake.user_name()}.{number}@{self.fake.safe_domain_name()}"
            yield Subscription(email=email, source="footer", subscribed=self.when())

    # -- the shop -------------------------------------------------------------------------

    def products(self) -> Iterator[Product]:
        for good in GOODS:
            for kind in KINDS:
                price = Decimal(self.chance.randrange(300, 6000)) / 100
                yield Product(name=f"{kind} {good}", price=price)

    def addresses(self, users: list[User]) -> Iterator[Address]:
        for user in users:
            for _ in range(self.chance.randrange(3)):
                yield self.address(user)

    def address(self, user: User) -> Address:
        return Address(
            user=user,
            label=self.chance.choice(["Home", "Work"]),
            recipient=user.get_full_name(),
            street=self.fake.street_address().replace("\n", ", "),
            town=self.fake.city(),
            postcode=self.fake.postcode(),
        )

    def orders(self, users: list[User]) -> Iterator[Order]:
        packers = users[::CUSTOMERS_A_PACKER]
        number = 0
        for user in users:
            for _ in range(self.chance.randrange(5)):
                packer = packers[number % len(packers)]
                number += 1
                yield self.order(f"{number:06}", user, guest=self.happens(0.25), packer=packer)

    def order(self, number: str, user: User, guest: bool = False, packer: User | None = None) -> Order:
        """An order; one placed as a guest knows its customer by e-mail only."""
        return Order(
            number=f"A-{number}",
            customer=None if guest else user,
            packed_by=packer,
            email=user.email,
            delivery_name=user.get_full_name(),
            delivery_address=self.fake.address(),
            phone=self.fake.phone_number() if self.happens(0.5) else "",
            note=self.fake.sentence() if self.happens(0.3) else "",
            ip_address=self.fake.ipv4_public() if self.happens(0.8) else self.fake.ipv6(),
            status=self.chance.choice(Order.Status.values),
            placed=self.when(),
            total=Decimal(self.chance.randrange(500, 20000)) / 100,
        )

    def order_lines(self, orders: list[Order], products: list[Product]) -> Iterator[OrderLine]:
        for order in orders:
            for product in self.chance.sample(products, self.chance.randint(1, 3)):
                quantity = self.chance.randint(1, 4)
                gift_note = f"From {order.delivery_name}" if self.happens(0.2) else ""
                yield OrderLine(order=order, product=product, quantity=quantity, gift_note=gift_note)

    # -- the forum ------------------------------------------------------------------------

    def threads(self, users: list[User]) -> Iterator[Thread]:
        for user in self.some(users, 0.5):
            good = self.chance.choice(GOODS).lower()
            yield Thread(
                title=self.chance.choice(TOPICS).format(good),
                author=user,
                author_name=user.get_full_name(),
                started=self.when(),
            )

    def comments(self, users: list[User], threads: list[Thread]) -> Iterator[Comment]:
        for user in self.some(users, 0.6):
            for _ in range(self.chance.randint(1, 5)):
                signed = f" Best wishes, {user.first_name}" if self.happens(0.2) else ""
                yield Comment(
                    thread=self.chance.choice(threads),
                    author=user,
                    display_name=user.get_full_name(),
                    body=self.fake.paragraph() + signed,
                    ip_address=self.fake.ipv4_public(),
                    posted=self.when(),
                )

    def messages(self, users: list[User]) -> Iterator[Message]:
        """Questions to another customer, most of them answered."""
        for asks in self.some(users, 0.8):
            answers = self.chance.choice(users)
            if answers is not asks:
                yield self.message(asks, answers)
                if self.happens(0.7):
                    yield self.message(answers, asks)

    def message(self, sender: User, recipient: User) -> Message:
        return Message(
            sender=sender,
            recipient=recipient,
            sender_name=sender.get_full_name(),
            recipient_name=recipient.get_full_name(),
            body=f"{self.fake.paragraph()} {sender.first_name}",
            sent=self.when(),
        )

    # -- chance ---------------------------------------------------------------------------

    def happens(self, likelihood: float) -> bool:
        return self.chance.random() < likelihood

    def some(self, users: list[models.Model], share: float) -> list:
        """About that share of the users, never none of them."""
        return self.chance.sample(users, max(1, round(len(users) * share))) if users else []

    def when(self) -> datetime:
        return OPENED + timedelta(minutes=self.chance.randrange(DAYS_OPEN * 24 * 60))
