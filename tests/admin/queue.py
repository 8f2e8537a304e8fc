"""A queue of the tests' own: keeps what it is given, and a test says when, and how often, it is delivered."""

from gdpr_assist.admin.job_run import run_job

waiting = []


class Task:
    def using(self, *, backend):
        return self

    def enqueue(self, *args):
        waiting.append(args)


class Broken(Task):
    def enqueue(self, *args):
        raise ConnectionError("secret of the queue")


class Late(Task):
    def enqueue(self, *args):
        run_job(*args)
        raise ConnectionError


run = Task()
broken = Broken()
late = Late()


def deliver(times=1):
    """Deliver all that waits, each so often."""
    taken, waiting[:] = waiting[:], []
    for (job,) in taken * times:
        run_job(job)
