"""Celery, with its tasks and a worker in a thread of this process."""

from contextlib import contextmanager

from celery import Celery
from celery.contrib.testing.worker import start_worker

app = Celery("bundle", broker="memory://", backend="django-db", set_as_current=False)
app.conf.update(result_extended=True, worker_hijack_root_logger=False)


@app.task
def greet(name, email=""):
    return f"Dear {name}"


@app.task
def refuse(name):
    raise ValueError(f"{name} is refused")


@contextmanager
def worker():
    with start_worker(app, perform_ping_check=False):
        yield
