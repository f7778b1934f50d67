"""Models by name: a bundled one, with an argument if it takes one, or one of your own."""

from __future__ import annotations

import json
from importlib import import_module
from inspect import signature
from typing import Any

from checker.models import MODELS
from harness.error import UserError, nearest


def named(text: str, also: frozenset[str] = frozenset()) -> Any:
    """The model that a text names.

    A name of MODELS, perhaps with an argument, as JSON or as plain text: "cas-register:0" is 0 at
    first, "semaphore:3" has 3 permits. Or "module:Class" (or a function without parameters), for a
    model of one's own. `also` are other names that the caller knows. Raises UserError that says
    what is wrong.

    >>> type(named("register")).__name__, named("semaphore:3").initial()
    ('Register', 0)
    >>> named("register:[1]").initial(), named("register:x").initial()
    (((1,),), ('x',))
    """
    name, has_more, more = text.partition(":")
    if name in MODELS:
        return _bundled(name, more) if has_more else MODELS[name]()
    if not has_more:
        known = {*MODELS, *also}
        hint = nearest(text, known)
        raise UserError(f"unknown model {text!r}: {hint} (or module:Class, for one of your own)")
    return _own(text, name, more)


def _bundled(name: str, more: str) -> Any:
    try:
        argument = json.loads(more)
    except ValueError:
        argument = more
    if not signature(MODELS[name]).parameters:
        raise UserError(f"model {name!r} takes no argument, not {more!r}")
    try:
        return MODELS[name](argument)
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"model {name!r} does not take {more!r}: {error}") from error


def _own(text: str, module: str, name: str) -> Any:
    try:
        make = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise UserError(f"model {text!r}: {error}; PYTHONPATH says where to look") from error
    except (ImportError, AttributeError, SyntaxError, ValueError) as error:
        raise UserError(f"model {text!r}: {error}") from error
    try:
        model = make() if callable(make) else make
    except TypeError as error:
        raise UserError(f"model {text!r} is made without arguments: {error}") from error
    missing = [method for method in ("initial", "step") if not hasattr(model, method)]
    if missing:
        raise UserError(f"model {text!r} is no model: it has no {' and no '.join(missing)}")
    return model
