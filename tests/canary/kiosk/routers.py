"""Puts the newsletter on a database of its own."""


class LettersRouter:
    def db_for_read(self, model, **hints):
        return "letters" if model._meta.label_lower == "kiosk.subscription" else None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        if app_label == "kiosk" and model_name == "subscription":
            return db == "letters"
        return False if db == "letters" and app_label not in ("gdpr_assist", "contenttypes") else None
