"""The project with the packages: rows of people, and what of them may stay."""

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from rest_framework.authtoken.models import Token

from .everywhere import NOT_CERTAIN, DjangoSite
from .filling import NOBODY
from .judging import NOT_PERSONAL, Rule
from .kiosk.models import (
    Address,
    Comment,
    HistoricalOrder,
    HistoricalUser,
    Message,
    Order,
    OrderLine,
    Profile,
    Remark,
    Subscription,
    Team,
    Ticket,
)

RULES = [
    Rule(
        NOT_PERSONAL,
        ["kiosk_order.number", "kiosk_historicalorder.number", "kiosk_subscription.source"],
    ),
    Rule("kept by declaration: tax", ["kiosk_order.invoice_name", "kiosk_historicalorder.invoice_name"]),
    Rule(
        "delete() erases on one database; Subject.delete() on all",
        ["kiosk_subscription.email"],
        ways=("user.delete()", "queryset.delete()"),
    ),
]

# What no export has, and no manifest names: a primary key
NOT_EXPORTED = {"authtoken_token.key", "django_session.session_key"}

WITHOUT = {
    "django_admin_log.object_id",
    "kiosk_historicalorder.history_type",
    "kiosk_historicaluser.history_type",
    "kiosk_remark.object_id",
}


class Filled(DjangoSite):
    def __init__(self, people, chance):
        super().__init__(people, chance)
        # Accounts whose address nobody has confirmed: what is known by it alone is certain to be nobody's.
        alone = [number for number in self.accounts if len(self.has_email[number]) == 1]
        self.unconfirmed = set(chance.sample(alone, people // 40 + 1))
        for number in self.unconfirmed:
            self.has_email[number] |= {NOBODY}
        # {person: phone, people who have it}
        self.phones, self.has_phone = {}, {}

    def fill(self):
        self.write_accounts()
        self.write_groups()
        self.write_admin_log(self.accounts)
        self._write_login()
        self._write_profiles()
        self._write_orders()
        self._write_talk()
        self._write_newsletter()

    def _write_login(self):
        """What the packages know of an account."""
        app = self.row(SocialApp, NOBODY)
        addresses, accounts = [], []
        for number, user in self.users.items():
            is_confirmed = number not in self.unconfirmed
            addresses.append(
                self.row(
                    EmailAddress, number, user=user, email=self.emails[number], verified=is_confirmed, primary=True
                )
            )
            accounts.append(self.row(SocialAccount, number, user=user))
            self.row(Token, number, user=user)
            session = self.row(Session, number)
            self.row(UserSession, number, user=user, session_key=session.session_key)
            for model in (AccessAttempt, AccessLog, AccessFailureLog):
                values = {"failures_since_start": 1} if model is AccessAttempt else {}
                self.row(model, number, username=user.username, **values)
            self.row(HistoricalUser, number, **self._history(number), id=user.pk, history_relation=user)
        self.row(AccessLog, NOBODY)  # of somebody who tried a name that is none
        self.save()
        for number, address, account in zip(self.users, addresses, accounts, strict=True):
            self.row(EmailConfirmation, number, email_address=address)
            self.row(SocialToken, number, account=account, app=app)
        self.save()

    def _history(self, number):
        return {"history_type": "~", "history_user": self.users[self.other(number)]}

    def _write_profiles(self):
        """Each with a phone, which some share."""
        pairs = self.pairs()
        shared = {number for pair in pairs for number in pair}
        for people in (*pairs, *([number] for number in self.accounts if number not in shared)):
            phone = self.token(*people)
            for number in people:
                self.phones[number], self.has_phone[number] = phone, frozenset(people)
                self.row(Profile, number, user=self.users[number], phone=phone)
        for number, user in self.users.items():
            self.row(Address, number, user=user)
        self.save()

    def _write_orders(self):
        orders = []
        for number, user in self.users.items():
            for _ in range(self.chance.randrange(3)):
                orders.append((self._order(number, customer=user), {number}))
            if self.happens(0.3):
                orders.append((self.by_email(Order, number, phone=""), self.has_email[number]))
            if self.happens(0.2):
                orders.append((self._by_phone(number), self.has_phone[number]))
            if self.happens(0.1):
                orders.append((self.with_email_of_another(Order, number, customer=user, phone=""), {number}))
        for number in self.guests:
            orders.append((self.by_email(Order, number, phone=""), self.has_email[number]))
        self.save()
        kind = ContentType.objects.get_for_model(Order)
        for order, whose in orders:
            self.row(OrderLine, *whose, order=order)
            self.row(Remark, *whose, content_type=kind, object_id=str(order.pk))
            self._write_history(order, whose)
        self.save()

    def _order(self, number, **values):
        return self.by_key(
            Order, number, phone=self.phones[number], packed_by=self.users[self.other(number)], **values
        )

    def _by_phone(self, number):
        whose = self.has_phone[number]
        return self.row(
            Order, *whose, left=(NOT_CERTAIN, whose) if len(whose) > 1 else (), phone=self.phones[number], email=""
        )

    def _write_history(self, order, whose):
        """What the order said before: with the same address and phone, by which the one of a guest is known."""
        number = self.chance.choice(self.accounts)
        self.row(
            HistoricalOrder,
            *whose,
            left=self.left.get(("kiosk_order", str(order.pk)), ()),
            id=order.pk,
            customer=order.customer,
            packed_by=order.packed_by,
            email=order.email,
            phone=order.phone,
            **self._history(number),
        )

    def _write_talk(self):
        kind = ContentType.objects.get_for_model(type(self.users[1]))
        for number, user in self.users.items():
            other = self.other(number)
            self.row(Ticket, number, customer=user, handled_by=self.users[other])
            self.row(Comment, number, author=user)
            self.row(Remark, number, content_type=kind, object_id=str(user.pk))
            message = self.parts(
                Message,
                {"sender_name": number, "recipient_name": other, "body": number},
                sender=user,
                recipient=self.users[other],
            )
            self.sees[other].add(message.body)
        self.save()
        for _ in range(len(self.accounts) // 10):
            members = self.chance.sample(self.accounts, 3)
            team = self.row(Team, *members, shared=True)
            self.save()
            team.members.set([self.users[number] for number in members])

    def _write_newsletter(self):
        for email, number in {email: number for number, email in self.emails.items()}.items():
            self.by_email(Subscription, number, email=email.upper() if self.happens(0.2) else email)
        self.save()
