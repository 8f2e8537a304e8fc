"""Which fields look as if they held personal data: words of their names, and their classes. Loads no models.

A guess, and only for models of which nothing is said: what is personal is for the project to say.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any

from django.db.models import BooleanField, DateTimeField, DurationField, Field, Model, TimeField

# No passwords: those that are nobody's, of a page or of an account of the site's own, are as many.
# An entry with a capital letter is the name of a field's class, or of a base of it. Any other stands for words in the
# name of a field, in small letters and without accents; "first_name" is "firstname", too.
CLASSES = ("EmailField", "GenericIPAddressField", "IPAddressField", "PhoneNumberField", "IBANField", "BICField")
ENGLISH = (
    "first_name", "given_name", "middle_name", "last_name", "family_name", "surname", "maiden_name", "full_name",
    "nickname", "user_name", "email", "e_mail", "mail_address", "phone", "telephone", "mobile", "cell_phone", "fax",
    "birth", "birth_date", "birthday", "birth_place", "sex", "gender", "nationality", "marital_status", "address",
    "street", "postcode", "zip_code", "postal_code", "ip", "ip_addr", "iban", "bank_account", "card_number", "tax_id",
    "phone_number", "mobile_phone", "home_phone", "work_phone", "email_address", "ip_address", "date_of_birth", "dob",
    "customer_name", "recipient_name", "contact_name", "contact_person", "sender_name", "guest_name", "patient_name",
    "remote_addr", "user_agent",
    "national_id", "ssn", "social_security", "passport", "driving_licence", "salary",
    "religion", "ethnicity", "diagnosis",
)  # fmt: skip
GERMAN = (
    "vorname", "nachname", "familienname", "geburtsname", "geburtsdatum", "geburtstag", "geburtsort", "geschlecht",
    "anschrift", "adresse", "strasse", "hausnummer", "plz", "postleitzahl", "telefon", "telefonnummer", "handy",
    "telefonnr", "tel", "mailadresse",
    "emailadresse", "kundenname", "ansprechpartner", "handynummer", "mobilnummer",
    "staatsangehoerigkeit", "ausweisnummer", "steuernummer", "steuer_id", "kontonummer",
    "gehalt",
)  # fmt: skip
FRENCH = (
    "prenom", "nom_de_famille", "nom_famille", "naissance", "sexe", "courriel", "telephone", "adresse",
    "rue", "code_postal", "nationalite", "passeport", "numero_secu", "securite_sociale", "salaire",
)  # fmt: skip
SPANISH = (
    "apellido", "apellidos", "nombre_completo", "nacimiento", "sexo", "correo", "telefono", "movil", "direccion",
    "calle", "codigo_postal", "nacionalidad", "pasaporte", "dni", "nif", "salario",
)  # fmt: skip
ITALIAN = (
    "cognome", "nascita", "sesso", "posta_elettronica", "telefono", "cellulare", "indirizzo",
    "nazionalita", "cittadinanza", "passaporto", "codice_fiscale", "stipendio",
)  # fmt: skip
DUTCH = (
    "voornaam", "achternaam", "tussenvoegsel", "geboortedatum", "geboorteplaats", "geslacht", "telefoon",
    "telefoonnummer", "mobiel", "adres", "straat", "huisnummer", "nationaliteit", "paspoort", "bsn",
    "salaris",
)  # fmt: skip
POLISH = (
    "imie", "nazwisko", "urodzenia", "plec", "telefon", "komorka", "adres", "ulica", "kod_pocztowy", "obywatelstwo",
    "paszport", "pesel", "wynagrodzenie",
)  # fmt: skip
SWEDISH = (
    "fornamn", "efternamn", "fodelsedatum", "fodelsedag", "epost", "e_post", "telefon", "mobilnummer",
    "adress", "gata", "postnummer", "personnummer", "medborgarskap",
)  # fmt: skip

# The default of GDPR_LOOKS_PERSONAL
PERSONAL = (*CLASSES, *dict.fromkeys((*ENGLISH, *GERMAN, *FRENCH, *SPANISH, *ITALIAN, *DUTCH, *POLISH, *SWEDISH)))

# Whether an address was confirmed, and when, is no address.
NO_DATA = (BooleanField, DateTimeField, TimeField, DurationField)


def personal_looks(model: type[Model], entries: Iterable[str]) -> list[str]:
    """Return the names of the columns of the table of ``model`` that look personal by one of ``entries``."""
    words, classes = _read(tuple(entries))
    return [
        field.name
        for field in model._meta.local_concrete_fields
        if not field.is_relation and not field.primary_key
        if not classes.isdisjoint(each.__name__ for each in type(field).__mro__) or _is_named(field, words)
    ]


def _is_named(field: Field[Any, Any], words: re.Pattern[str]) -> bool:
    return not isinstance(field, NO_DATA) and words.search(_plain(field.name)) is not None


@cache
def _read(entries: tuple[str, ...]) -> tuple[re.Pattern[str], frozenset[str]]:
    """Return the pattern of the words, and the names of the classes."""
    classes = frozenset(each for each in entries if each != each.lower())
    # "emails" and "addresses", too
    words = "|".join(re.escape(_plain(each)).replace("_", "_?") for each in entries if each not in classes)
    return re.compile(rf"(?<![a-z])(?:{words})(?:e?s)?(?![a-z])" if words else r"(?!)"), classes


def _plain(name: str) -> str:
    """Return ``name`` in small letters and without accents, ``_`` before each capital letter: ``firstName`` too."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    decomposed = unicodedata.normalize("NFKD", split.casefold().replace("ø", "o").replace("ł", "l"))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
