"""As the docs have it: who acted in an entry about somebody else's row is forgotten with the account."""

from auditlog.models import LogEntry
from django.contrib.auth import get_user_model

from gdpr_assist.copies import keeper


@keeper.register
class AuditedActors(keeper.Keeper):
    erases_before_commit = True

    def __init__(self, using, *, is_scrub):
        self.using, self.is_scrub = using, is_scrub

    @staticmethod
    def describe(plans):
        accounts = any(plan.declaration.model is get_user_model() for plan in plans)
        return ["addresses of who acted in auditlog.LogEntry"] if accounts else []

    def concerns(self, declaration):
        return declaration.model is get_user_model() and not self.is_scrub  # which does all entries

    def find(self, plan, rows):
        return self.entries(list(rows.values_list("pk", flat=True)))

    def find_deleted(self, instance, *, read):
        return self.entries([instance.pk])

    def entries(self, accounts):
        return list(LogEntry.objects.using(self.using).filter(actor__in=accounts).values_list("pk", flat=True))

    def erase(self, copies):
        entries = LogEntry.objects.using(self.using).filter(pk__in=copies)
        return keeper.Erased(removed=entries.update(actor_email=None, remote_addr=None, remote_port=None))
