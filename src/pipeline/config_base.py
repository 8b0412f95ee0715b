"""What the sections of the configuration share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline import registry
from pipeline.errors import PipelineError


class Section(BaseModel):
    """A part of the configuration; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Kind(BaseModel):
    """A component of the library by its file name, with its options."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Training(Section):
    """Training of a network."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(16, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    beta: float = Field(1e-6, ge=0, description="weight of the KL divergence")
    patience: int = Field(10, ge=1, description="epochs without gain before early stopping")
    gpus: int = Field(1, ge=0, description="GPUs asked of the cluster; without one the CPU is used")
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = Field("auto", description="auto: mixed on a GPU")


def kind_of(family: str) -> AfterValidator:
    """Refuses a kind that its family has not, and options that the kind has not; the message lists the choices."""

    def check(kind: Kind) -> Kind:
        try:
            known = registry.options(family, kind.kind)
        except PipelineError as error:
            raise ValueError(str(error)) from None
        for name in kind.options:
            if name not in known:
                raise ValueError(f"unknown option {name!r} of {kind.kind}; choose from {', '.join(known)}")
        return kind

    return AfterValidator(check)


def _file_name(name: str) -> str:
    if not name.replace("_", "").isalnum():
        raise ValueError(f"row {name!r}: letters, digits and _ only, as files are named after it")
    return name


def without_removed(entries: Any) -> Any:
    """`<name>: null` takes out what the experiment has that this one starts from; --config gives null as a text."""
    return {k: v for k, v in entries.items() if v not in (None, "null")} if isinstance(entries, Mapping) else entries


NetworkKind = Annotated[Kind, kind_of("networks")]
ModelKind = Annotated[Kind, kind_of("models")]
MethodKind = Annotated[Kind, kind_of("assimilation")]
RowName = Annotated[str, AfterValidator(_file_name)]
