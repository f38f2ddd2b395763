"""What `register` refuses, so that a mistake shows when the module is loaded."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from shared_apps import history
from shared_apps.history import registry
from tests.history.shelf import Book, Shelf


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"label": "nme"}, "no field 'nme'"),
        ({"label": "title", "mask": ("nothing",), "m2m": ("tags", "sequels")}, "no field 'nothing'"),
        ({"label": "title", "shown": {"nothing": str}, "m2m": ("tags", "sequels")}, "no field 'nothing'"),
        ({"label": "title", "m2m": ("tags",)}, "sequels must stand in m2m or in exclude"),
        ({"label": "password", "m2m": ("tags", "sequels")}, "can't be hidden"),
        ({"label": "title", "mask": ("title",), "m2m": ("tags", "sequels")}, "can't be hidden"),
        ({"label": "title", "parent": "copies", "m2m": ("tags", "sequels")}, "no foreign key"),
    ],
)
def test_a_wrong_declaration_is_refused(told: dict[str, Any], reason: str) -> None:
    before = registry.declaration(Book)
    with pytest.raises(ImproperlyConfigured, match=reason):
        history.register(Book, **told)
    assert registry.declaration(Book) is before


def test_password_fields_are_excluded_without_being_told() -> None:
    assert "password" not in {field.name for field in registry.tracked_fields(Book)}
    for tenant in (True, False):
        for model in registry.models_with_history(tenant=tenant):
            names = {field.name for field in registry.tracked_fields(model)}
            assert not {name for name in names if name == "password" or name.endswith("_password")}, model


def test_a_model_of_no_installed_app_stands_in_no_schema() -> None:
    assert Shelf not in registry.models_with_history(tenant=True) + registry.models_with_history(tenant=False)
