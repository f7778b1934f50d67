"""The composition root: names in a plan become objects. The only place that knows every registry."""

from __future__ import annotations

from importlib import import_module

from harness.driver import SystemSpec
from harness.error import UserError, nearest
from harness.system import System


def system(spec: SystemSpec) -> System:
    """The system a spec names: a registered name, or "module:factory" for one of your own.

    Raises UserError for a name that is not known or an option the system does not take.
    """
    if ":" in spec.name:
        module, _, factory = spec.name.partition(":")
        make = getattr(import_module(module), factory)
    else:
        from systems import REGISTRY

        if spec.name not in REGISTRY:
            raise UserError(f"unknown system {spec.name!r}: {nearest(spec.name, set(REGISTRY))}")
        make = REGISTRY[spec.name]
    try:
        built: System = make(nodes=spec.nodes, **spec.options)
    except (TypeError, ValueError) as error:
        raise UserError(f"system {spec.name!r}: {error}") from error
    return built
