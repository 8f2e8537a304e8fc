"""Settings of the benchmarks. DB chooses the engine; DB_NAME names the databases, which are created and dropped."""

import os

DB = os.environ.get("DB", "sqlite")
DB_NAME = os.environ.get("DB_NAME", "gdpr_assist_bench")
# Set by the process that starts the run, for itself and its children.
DIRECTORY = os.environ.get("BENCH_DIRECTORY", "")
# "1" in the child that shows what Django does by itself
WITHOUT_APP = os.environ.get("BENCH_WITHOUT_APP") == "1"


def database(name: str) -> dict[str, object]:
    """The servers' own settings for commits and durability are left as they are, for both sides alike."""
    if DB == "postgresql":
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": name,
            "HOST": os.environ.get("PGHOST", "127.0.0.1"),
            "PORT": os.environ.get("PGPORT", "5432"),
            "USER": os.environ.get("PGUSER", "postgres"),
            "PASSWORD": os.environ.get("PGPASSWORD", ""),
            "TEST": {"NAME": name},
        }
    if DB == "mariadb":
        return {
            "ENGINE": "django.db.backends.mysql",
            "NAME": name,
            "HOST": os.environ.get("MYSQL_HOST", "127.0.0.1"),
            "PORT": os.environ.get("MYSQL_TCP_PORT", "3306"),
            "USER": os.environ.get("MYSQL_USER", "root"),
            "PASSWORD": os.environ.get("MYSQL_PWD", ""),
            "OPTIONS": {"charset": "utf8mb4"},
            "TEST": {"NAME": name, "CHARSET": "utf8mb4"},
        }
    if DB == "sqlite":
        file = f"{DIRECTORY}/{name}.sqlite3"
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": file, "TEST": {"NAME": file}}
    raise ValueError(f"DB={DB}: expected sqlite, postgresql or mariadb")


DATABASES = {"default": database(DB_NAME), "gdpr_log": database(f"{DB_NAME}_log")}
INSTALLED_APPS = ["django.contrib.contenttypes", "benchmarks"]
if not WITHOUT_APP:
    INSTALLED_APPS.append("gdpr_assist")
    DATABASE_ROUTERS = ["gdpr_assist.routers.EventLogRouter"]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "only for benchmarks"
USE_TZ = True

GDPR_CAN_ANONYMISE_DATABASE = True
