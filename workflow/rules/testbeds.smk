"""Latent methods on a small model: nature runs, networks, error statistics, one job per row of the table."""

TESTBED = dump(CONFIG.testbed)
ROWS = TESTBED.pop("rows")
FIGURES = f"{RESULTS}/figures"
WORLD = ("models", "testbed/world", "spherical_harmonics")
# A Fortran model is built first, and learns from its section of the configuration what it is.
FORTRAN = "module" in registry.options("models", TESTBED["model"]["kind"])
if FORTRAN:
    TESTBED["model"] |= {"module": MODEL, "grid": GRID, "model": MODEL_SPEC}
    WORLD = (*WORLD, "bridge")
MODEL_FILES = [MODEL, GRID] if FORTRAN else []
# A table of filters alone trains no networks.
LEARNT_ROWS = {name for name, row in CONFIG.testbed.rows.items() if row.learnt}


rule testbed_nature:
    """Runs of the model: training data, climate and the unit of every error."""
    input:
        model=MODEL_FILES,
        code=code(*WORLD),
    output:
        f"{RESULTS}/nature.safetensors",
    log:
        f"{RESULTS}/nature.log",
    benchmark:
        f"{RESULTS}/nature.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        plan={name: TESTBED[name] for name in ("model", "nature")},
        seed=CONFIG.seed,
    script:
        "../scripts/testbed_nature.py"


rule testbed_autoencoder:
    input:
        model=MODEL_FILES,
        nature=rules.testbed_nature.output[0],
        code=code(*WORLD, "testbed/learning", "networks", "training"),
    output:
        weights=f"{RESULTS}/autoencoder/weights.safetensors",
        model=f"{RESULTS}/autoencoder/model.json",
        history=f"{RESULTS}/autoencoder/history.csv",
    log:
        f"{RESULTS}/autoencoder/training.log",
    benchmark:
        f"{RESULTS}/autoencoder/training.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        plan={name: TESTBED[name] for name in ("model", "nature", "autoencoder")},
        seed=CONFIG.seed,
    script:
        "../scripts/testbed_autoencoder.py"


rule testbed_o2lnet:
    input:
        model=MODEL_FILES,
        nature=rules.testbed_nature.output[0],
        autoencoder=rules.testbed_autoencoder.output.weights,
        code=code(*WORLD, "testbed/learning", "testbed/observing", "networks", "training"),
    output:
        weights=f"{RESULTS}/o2lnet/weights.safetensors",
        model=f"{RESULTS}/o2lnet/model.json",
        history=f"{RESULTS}/o2lnet/history.csv",
    log:
        f"{RESULTS}/o2lnet/training.log",
    benchmark:
        f"{RESULTS}/o2lnet/training.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        plan={name: TESTBED[name] for name in ("model", "nature", "o2lnet", "observations")},
        seed=CONFIG.seed,
    script:
        "../scripts/testbed_o2lnet.py"


rule testbed_errors:
    """B and R in latent space, B in model space: files that depend on what a state holds."""
    input:
        model=MODEL_FILES,
        nature=rules.testbed_nature.output[0],
        autoencoder=rules.testbed_autoencoder.output.weights,
        o2lnet=rules.testbed_o2lnet.output.weights,
        code=code(
            *WORLD,
            "testbed/errors",
            "testbed/observing",
            "covariances",
            "transforms",
            "laplacian",
            "verification/latent",
        ),
    output:
        directory(f"{RESULTS}/errors"),
    log:
        f"{RESULTS}/errors.log",
    benchmark:
        f"{RESULTS}/errors.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        plan={name: TESTBED[name] for name in ("model", "nature", "observations", "errors")},
        seed=CONFIG.seed,
    script:
        "../scripts/testbed_errors.py"


rule testbed_truths:
    """The truths of all seeds and the states that cycles start from, the same for every row."""
    input:
        model=MODEL_FILES,
        nature=rules.testbed_nature.output[0],
        code=code(*WORLD),
    output:
        f"{RESULTS}/truths.safetensors",
    log:
        f"{RESULTS}/truths.log",
    benchmark:
        f"{RESULTS}/truths.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        plan={name: TESTBED[name] for name in ("model", "nature", "cycling")},
        seed=CONFIG.seed,
    script:
        "../scripts/testbed_truths.py"


rule testbed_row:
    input:
        model=MODEL_FILES,
        nature=rules.testbed_nature.output[0],
        truths=rules.testbed_truths.output[0],
        errors=lambda wildcards: rules.testbed_errors.output[0] if wildcards.row in LEARNT_ROWS else [],
        code=code(
            *WORLD,
            "testbed/cycles",
            "testbed/observing",
            "assimilation",
            "covariances",
            "transforms",
            "localization",
            "inflation",
            "observations/latent_observer",
            "ensembles/lagged",
        ),
    output:
        scores=f"{RESULTS}/rows/{{row}}.json",
        series=f"{RESULTS}/rows/{{row}}.nc",
    log:
        f"{RESULTS}/rows/{{row}}.log",
    benchmark:
        f"{RESULTS}/rows/{{row}}.tsv"
    wildcard_constraints:
        row="|".join(ROWS) or "none",
    conda:
        "../envs/pipeline.yaml"
    params:
        plan={name: TESTBED[name] for name in ("model", "nature", "observations", "cycling")},
        row=lambda wildcards: ROWS[wildcards.row],
        seed=CONFIG.seed,
    script:
        "../scripts/testbed_row.py"


rule testbed_summary:
    input:
        errors=rules.testbed_errors.output[0] if LEARNT_ROWS else [],
        scores=expand(f"{RESULTS}/rows/{{row}}.json", row=ROWS),
        code=code("verification/testbeds"),
    output:
        f"{RESULTS}/summary.json",
    log:
        f"{RESULTS}/summary.log",
    conda:
        "../envs/pipeline.yaml"
    params:
        plan=TESTBED,
        rows=ROWS,
        seed=CONFIG.seed,
    script:
        "../scripts/testbed_summary.py"


rule figure_testbed:
    """Errors, costs and errors in time of every row."""
    input:
        scores=expand(f"{RESULTS}/rows/{{row}}.json", row=ROWS),
        series=expand(f"{RESULTS}/rows/{{row}}.nc", row=ROWS),
        code=code("figures/style", "figures/testbeds"),
    output:
        report(f"{FIGURES}/testbed.png", caption="../report/testbed.rst", category="Testbed"),
    log:
        f"{FIGURES}/testbed.log",
    localrule: True
    conda:
        "../envs/pipeline.yaml"
    params:
        rows=ROWS,
        title=CONFIG.title,
    script:
        "../scripts/figure_testbed.py"


rule figures:
    input:
        rules.figure_testbed.output,
    localrule: True
