"""Whatever the subjects name, the ways to people come to an end, can be looked up, and pass each model once."""

from contextlib import ExitStack

from hypothesis import given, settings
from hypothesis import strategies as st

from gdpr_assist.declaring.relations import follow, relations
from gdpr_assist.paths import known_by, person_of, routes
from gdpr_assist.registry import concrete, registry
from tests.apps.people.models import Account, Event, Parcel, Profile, Sale, SaleLine, StaffAccount, Visit

from .observing import changed
from .test_rules import EXAMPLES

# With keys in circles and to themselves, a multi-table child, and many-to-many relations
MODELS = (Account, StaffAccount, Profile, Parcel, Sale, SaleLine, Event, Visit)


def inside(model):
    """Return the relations of the model, forwards and backwards, that lead to one of these."""
    return [name for name in relations(model) if concrete(follow(model, name)[-1].related_model) in MODELS]


SUBJECTS = st.tuples(*(st.sets(st.sampled_from([*inside(model), "self"])) for model in MODELS))


@settings(max_examples=10 * EXAMPLES, deadline=None)
@given(SUBJECTS)
def test_on_random_subjects(subjects):
    with ExitStack() as declared:
        for model, paths in zip(MODELS, subjects, strict=True):
            identifiers = registry.declaration(model).meta.identifiers if "self" in paths else {}
            subject = sorted(paths) or None
            declared.enter_context(changed(model, subject=subject, actors=(), identifiers=identifiers))
        for model in MODELS:
            for route in routes(model):
                steps = follow(model, route.lookup) if route.lookup else []
                ends = [concrete(step.related_model) for step in steps]
                passed = [model, *ends]
                assert len(set(passed)) == len(passed), route
                assert person_of(passed[-1]) is route.person
                assert not any(map(person_of, ends[:-1])), "on from one person to another"
                str(model._base_manager.filter(**{f"{route.key}__in": [1]}).query)
            for known in known_by(model):
                str(model._base_manager.filter(**{known.lookup: "x"}).query)
