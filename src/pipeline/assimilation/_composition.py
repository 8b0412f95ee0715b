"""A method from its configuration: components are built inside out, the run's own objects are handed to whoever asks.

{kind: three_d_var, transform: {kind: autoencoder, network: <directory>}, covariance: {kind: nmc, file: <file>}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline import registry
from pipeline.assimilation.base import Method
from pipeline.errors import PipelineError
from pipeline.spaces import Space

FAMILIES = {
    "transform": "transforms",
    "covariance": "covariances",
    "static": "covariances",
    "ensemble": "covariances",
    "localization": "localization",
    "inflation": "inflation",
    "filter": "assimilation",
    "model": "models",
    "observers": "observations",
}
"""Options that are components themselves, and where their kinds are found."""

MAPPINGS = {"scales": "assimilation"}
"""Options that hold several components, each under a name of its own."""

PARTS = "parts"
"""The option that holds, by the state's component, several of the family that it belongs to."""


def build(configuration: Mapping[str, Any], defaults: Mapping[str, Any] | None = None, **context: Any) -> Method:
    """Construct a method with all its components.

    Args:
        configuration: `kind` and options, as in YAML.
        defaults: options where the configuration does not set them, e.g. the experiment's transform and covariance.
        context: objects of the run by the names that constructors give them: `space`, `operator`, `normalization`.

    Raises:
        PipelineError: unknown kinds or options, or a component without a kind; the message lists the choices.
    """
    return _build("assimilation", {**(defaults or {}), **configuration}, context)


def _build(family: str, configuration: Mapping[str, Any], context: dict[str, Any]) -> Any:
    options = dict(configuration)
    kind = options.pop("kind", None)
    if kind is None:
        choices = ", ".join(registry.kinds(family))
        raise PipelineError(f"{family}: {dict(configuration)} has no kind; choose one of {choices}")
    for name, value in options.items():
        if name in FAMILIES and isinstance(value, Mapping):
            options[name] = _build(FAMILIES[name], value, context)
        elif name in MAPPINGS:
            held = MAPPINGS[name]
            options[name] = {k: _build(held, v, context) if isinstance(v, Mapping) else v for k, v in value.items()}
        elif name == PARTS and isinstance(value, Mapping):
            options[name] = {k: _build(family, v, _of_component(k, context)) for k, v in value.items()}
        elif name in FAMILIES and isinstance(value, (list, tuple)):
            parts = (_build(FAMILIES[name], part, context) if isinstance(part, Mapping) else part for part in value)
            options[name] = [*parts]
    allowed = registry.options(family, kind)
    shared = {name: value for name, value in context.items() if name in allowed and name not in options}
    return registry.build(family, kind, **shared, **options)


def _of_component(name: str, context: dict[str, Any]) -> dict[str, Any]:
    """The context with the space of one component; as it is where there is no such one, which the whole refuses."""
    space = context.get("space")
    if space is None or name not in space.names:
        return context
    return context | {"space": Space((space[name],))}
