"""Methods on small models: one truth for all, one job per row of the table, summary and figure."""

BENCHMARK = dump(CONFIG.benchmark)
ROWS = BENCHMARK.pop("rows")
FIGURES = f"{RESULTS}/figures"


rule benchmark_twin:
    """Truths, observations and climatology that all rows share."""
    input:
        code=code("models", "benchmark", "observations/selection"),
    output:
        f"{RESULTS}/twin.nc",
    log:
        f"{RESULTS}/twin.log",
    benchmark:
        f"{RESULTS}/benchmark_twin.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        settings=BENCHMARK,
    script:
        "../scripts/benchmark_twin.py"


rule benchmark_row:
    input:
        twin=rules.benchmark_twin.output[0],
        code=code("assimilation", "covariances", "inflation", "localization", "models", "benchmark"),
    output:
        scores=f"{RESULTS}/rows/{{row}}.nc",
        timing=f"{RESULTS}/rows/{{row}}.json",
    log:
        f"{RESULTS}/rows/{{row}}.log",
    benchmark:
        f"{RESULTS}/rows/benchmark_row_{{row}}.tsv"
    wildcard_constraints:
        row="|".join(ROWS) or "none",
    conda:
        "../envs/pipeline.yaml"
    params:
        settings=BENCHMARK,
        row=lambda wildcards: ROWS[wildcards.row],
    script:
        "../scripts/benchmark_row.py"


rule benchmark_summary:
    input:
        twin=rules.benchmark_twin.output[0],
        scores=expand(f"{RESULTS}/rows/{{row}}.nc", row=ROWS),
        timing=expand(f"{RESULTS}/rows/{{row}}.json", row=ROWS),
        code=code("verification/ensembles", "verification/benchmarks"),
    output:
        f"{RESULTS}/summary.json",
    log:
        f"{RESULTS}/summary.log",
    conda:
        "../envs/pipeline.yaml"
    params:
        settings=BENCHMARK,
        rows=ROWS,
        seed=CONFIG.seed,
    script:
        "../scripts/benchmark_summary.py"


rule figure_benchmark:
    """Error, spread and rank histogram of every row."""
    input:
        scores=expand(f"{RESULTS}/rows/{{row}}.nc", row=ROWS),
        timing=expand(f"{RESULTS}/rows/{{row}}.json", row=ROWS),
        code=code("figures/style", "figures/benchmarks"),
    output:
        report(f"{FIGURES}/benchmark.png", caption="../report/benchmark.rst", category="Benchmark"),
    log:
        f"{FIGURES}/benchmark.log",
    localrule: True
    conda:
        "../envs/pipeline.yaml"
    params:
        rows=ROWS,
        title=CONFIG.title,
    script:
        "../scripts/figure_benchmark.py"


rule figures:
    input:
        rules.figure_benchmark.output,
    localrule: True
