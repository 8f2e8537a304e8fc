"""The role of docs/howto/protect_the_log.rst, which may only insert: ``pytest --log-role`` lets the app write as it.

What the app does to the log is done as that role; what a test looks up there is looked up as the owner.
"""

import os
import re
import sys
import uuid
from pathlib import Path

import gdpr_assist

PACKAGE = str(Path(gdpr_assist.__file__).parent) + os.sep
TESTS = str(Path(__file__).parent) + os.sep
PAGE = Path(__file__).parents[1] / "docs" / "howto" / "protect_the_log.rst"
COMMANDS = f"{PACKAGE}management{os.sep}"

# These stay possible in a transaction that has failed; changing the role does not.
OF_SAVEPOINTS = ("SAVEPOINT", "RELEASE", "ROLLBACK")


def granted(language, **names):
    """Return the statements of the page's code block, with other names."""
    block = re.search(rf"^\.\. code-block:: {language}\n\n((?:    .*\n)+)", PAGE.read_text(), re.MULTILINE)[1]
    for word, name in names.items():
        block = re.sub(rf"\b{word}\b", name, block)
    return [statement.strip() for statement in block.split(";") if statement.strip()]


class PostgreSQL:
    as_owner = "RESET ROLE"

    def __init__(self, log):
        self.role = f"web_{uuid.uuid4().hex[:12]}"
        self.as_writer = f"SET ROLE {self.role}"
        self.create = [f"CREATE ROLE {self.role}", *granted("sql", web=self.role)]
        self.drop = [f"DROP OWNED BY {self.role}", f"DROP ROLE {self.role}"]

    def log_in(self, log):
        """The owner may become any role."""


class MariaDB:
    """A role can only add rights there: the site's user logs in, and the owner is a role."""

    as_writer = "SET ROLE NONE"

    def __init__(self, log):
        self.user = f"web_{uuid.uuid4().hex[:12]}"
        owner = f"owner_{uuid.uuid4().hex[:12]}"
        self.as_owner = f"SET ROLE {owner}"
        name = log.ops.quote_name(log.settings_dict["NAME"])
        self.create = [
            f"CREATE USER {self.user}",
            f"CREATE ROLE {owner}",
            f"GRANT ALL ON {name}.* TO {owner}",
            f"GRANT {owner} TO {self.user}",
            f"SET DEFAULT ROLE {owner} FOR {self.user}",
            *granted("mysql", web=self.user, gdpr_log=name),
        ]
        self.drop = [f"DROP USER {self.user}", f"DROP ROLE {owner}"]

    def log_in(self, log):
        log.close()
        log.settings_dict = {**log.settings_dict, "USER": self.user, "PASSWORD": ""}


def in_force(log):
    """Create the role, let the app write ``log`` as it, and drop the role afterwards: a generator for a fixture."""
    role = {"postgresql": PostgreSQL, "mysql": MariaDB}[log.vendor](log)
    given = log.settings_dict
    owner = log.copy()
    with owner.cursor() as cursor:
        for statement in role.create:
            cursor.execute(statement)

    def as_the_caller(execute, sql, params, many, context):
        if not sql.startswith(OF_SAVEPOINTS):
            with log.connection.cursor() as cursor:
                cursor.execute(role.as_writer if called_by_the_site() else role.as_owner)
        return execute(sql, params, many, context)

    role.log_in(log)
    with log.execute_wrapper(as_the_caller):
        yield
    log.close()
    log.settings_dict = given
    with owner.cursor() as cursor:
        for statement in role.drop:
            cursor.execute(statement)
    owner.close()


def called_by_the_site():
    """Whether what runs now was called by the app, not by a test, nor by a command, which runs as the owner."""
    names = []
    frame = sys._getframe(2)
    while frame is not None:
        names.append(frame.f_code.co_filename)
        frame = frame.f_back
    nearest = next((name for name in names if name.startswith((PACKAGE, TESTS))), "")
    return nearest.startswith(PACKAGE) and not any(name.startswith(COMMANDS) for name in names)
