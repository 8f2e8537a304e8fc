"""The rows of Django's own apps, and what the projects have in common. Knows nothing of erasing."""

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session

from .filling import NOBODY, Site

NOT_CERTAIN = "the address of two accounts, or one that nobody has confirmed: not certain"
OF_ANOTHER = "a row of another person with the address of one who is gone"


class DjangoSite(Site):
    """Accounts with their addresses, and rows that are known by one of these."""

    def __init__(self, people, chance):
        super().__init__(people, chance)
        # {person: the row, the address, and the people whose address it is}
        self.users, self.emails, self.has_email = {}, {}, {}
        for couple in self.couples:
            email = self.email(*couple)
            self._know(email, couple)
        for number in (*self.accounts, *self.guests):
            if number not in self.emails:
                self._know(self.email(number), [number])

    def _know(self, email, people):
        self.emails.update(dict.fromkeys(people, email))
        self.has_email.update(dict.fromkeys(people, frozenset(people)))

    def write_accounts(self):
        for number in self.accounts:
            self.users[number] = self.row(User, number, email=self.emails[number])
        # Django deletes with the account of an officer what it did, whomever it was about.
        self.officer = self.row(User, NOBODY)
        self.save()

    def write_groups(self):
        for _ in range(3):
            self.row(Group, NOBODY)
        self.save()

    def write_admin_log(self, people):
        """What an officer did to the rows of people."""
        kind = ContentType.objects.get_for_model(User)
        for number in people:
            key = str(self.users[number].pk)
            self.row(LogEntry, number, user=self.officer, content_type=kind, object_id=key, action_flag=CHANGE)
        self.save()

    def write_sessions(self, people):
        for number in people:
            self.row(Session, number)
        self.save()

    def by_email(self, model, number, **values):
        """Return a row that knows this person by the address alone."""
        whose = self.has_email[number]
        left = (NOT_CERTAIN, whose) if len(whose) > 1 or NOBODY in whose else ()
        return self.row(model, *whose, left=left, **{"email": self.emails[number], **values})

    def by_key(self, model, number, **values):
        """Return a row that is this person's by a key, with their address, which may be somebody else's too."""
        others = self.has_email[number] - {number, NOBODY}
        left = (OF_ANOTHER, others) if others else ()
        return self.row(model, number, left=left, email=self.emails[number], **values)

    def with_email_of_another(self, model, number, **values):
        """Return a row of this person with the address of another one."""
        other = self.other(number)
        left = (OF_ANOTHER, self.has_email[other])
        return self.row(model, number, left=left, email=self.emails[other], **values)
