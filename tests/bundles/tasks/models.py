"""The recipe for django-celery-results 2.6, which docs/howto/recipes.rst shows from here on."""

from celery.signals import task_postrun
from django.conf import settings
from django.db import models
from django_celery_results.models import TaskResult

import gdpr_assist


class TaskOfPerson(models.Model):
    """Whose data a task has got."""

    result = models.ForeignKey(TaskResult, on_delete=models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)

    class PrivacyMeta:
        fields = []
        keep = ["result", "user"]
        subject = "user"
        on_erasure = "delete"


@task_postrun.connect
def keep_whose(task_id, task, **kwargs):
    """Called when the result is there: ``greet.apply_async(["Ann"], headers={"person": user.pk})``."""
    if person := (task.request.headers or {}).get("person"):
        TaskOfPerson.objects.create(result=TaskResult.objects.get(task_id=task_id), user_id=person)


class TaskResultPrivacy:
    fields = ["task_args", "task_kwargs", "result", "traceback", "meta"]
    keep = [
        "task_id",
        "periodic_task_name",
        "task_name",
        "status",
        "worker",
        "content_type",
        "content_encoding",
        "date_created",
        "date_started",
        "date_done",
    ]
    subject = "taskofperson__user"
    on_erasure = "delete"
    search_fields = [
        "task_args__icontains",
        "task_kwargs__icontains",
        "result__icontains",
        "traceback__icontains",
    ]


gdpr_assist.register(TaskResult, TaskResultPrivacy)
