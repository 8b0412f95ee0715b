"""A file name is its kind."""

import pytest

from pipeline import registry
from pipeline.errors import PipelineError

FAMILIES = ["networks", "assimilation", "transforms", "covariances", "ensembles", "datasets", "models"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_can_be_found_and_documented(family):
    assert registry.kinds(family)
    for kind in registry.kinds(family):
        assert registry.find(family, kind).__doc__, f"{family}/{kind} has no docstring"


def test_an_unknown_kind_lists_the_choices():
    with pytest.raises(PipelineError, match="did you mean 'coupled_vae'"):
        registry.find("networks", "coupled_vea")


def test_an_unknown_option_lists_the_choices():
    with pytest.raises(PipelineError, match="unknown option 'latent'"):
        registry.build("networks", "coupled_vae", latent=3)
