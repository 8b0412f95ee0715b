"""The whole experiment: build, nature run, training, cycling, verification, figures.

snakemake --profile profiles/local                       everything
snakemake --profile profiles/local train_vae             one stage and what it needs
snakemake --profile profiles/slurm --config size=paper   on a cluster
"""

from snakemake.utils import min_version

min_version("9.20")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"


if CONFIG.benchmark:

    include: "workflow/rules/benchmarks.smk"

elif CONFIG.testbed:

    include: "workflow/rules/fortran.smk"
    include: "workflow/rules/testbeds.smk"

else:

    include: "workflow/rules/chains.smk"
    include: "workflow/rules/fortran.smk"
    include: "workflow/rules/prepare.smk"
    include: "workflow/rules/train.smk"
    include: "workflow/rules/errors.smk"
    include: "workflow/rules/cycle.smk"
    include: "workflow/rules/verify.smk"
    include: "workflow/rules/figures.smk"


rule all:
    default_target: True
    input:
        f"{RESULTS}/summary.json",
        rules.figures.input,
    localrule: True
