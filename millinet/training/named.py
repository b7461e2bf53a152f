"""A recipe as a user writes it: NAME[,SETTING=VALUE...].

full
small,epochs=50,imbalance=loss
recover,epochs=5,patience=none
"""

from dataclasses import fields, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from millinet.errors import ConfigError
from millinet.tables import pick
from millinet.training.recipe import Recipe


def recipe_of(text: str) -> Recipe:
    """Look a recipe up by its name, and change the settings that follow after commas.

    Raises:
        UnknownNameError: If there is no such recipe, or no such setting.
        ConfigError: If a value cannot be read or is out of range.
    """
    # The table stands in the package's __init__, which imports this file.
    from millinet.training import RECIPES

    name, *changes = text.split(",")
    recipe: Recipe = pick("recipe", name, RECIPES, group="recipes")
    return replace(recipe, **dict(_change(change) for change in changes))


def _change(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(
            f"a recipe is NAME or NAME,SETTING=VALUE,..., got {text!r} among the settings; "
            f"write for example full,epochs=30"
        )
    kind: Any = pick("recipe setting", name, {field.name: field.type for field in fields(Recipe)})
    try:
        # Lax, so that "3" is a number and "no" is false.
        return name, TypeAdapter(kind).validate_python(None if value == "none" else value)
    except ValidationError as error:
        raise ConfigError(f"recipe setting {name}={value}: {error.errors()[0]['msg']}") from error
