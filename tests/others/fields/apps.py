from django.apps import AppConfig


class FieldsConfig(AppConfig):
    name = "tests.others.fields"
    label = "fields_of_others"
