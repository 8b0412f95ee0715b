"""Error statistics: the latent background covariance and the ensembles of the Fortran filter."""


rule background_covariance:
    input:
        atmosphere=rules.nature_run.output.atmosphere,
        ocean=rules.nature_run.output.ocean,
        grid=GRID,
        statistics=rules.statistics.output,
        weights=TRAINED,
        code=code("covariances", "transforms"),
    output:
        f"{LEARNT}/errors/background.nc",
    log:
        f"{LEARNT}/errors/background_covariance.log",
    benchmark:
        f"{LEARNT}/errors/background_covariance.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        background=dump(CONFIG.background),
        splits=dump(CONFIG.splits),
        interval_hours=CONFIG.nature.interval_hours,
    script:
        "../scripts/background_covariance.py"


rule stationary_ensemble:
    input:
        states=expand(f"{BASE}/nature/segment_{{segment}}/states", segment=range(NATURE_SEGMENTS)),
        code=code("ensembles"),
    output:
        f"{BASE}/errors/ensemble.nc",
    log:
        f"{BASE}/errors/stationary_ensemble.log",
    benchmark:
        f"{BASE}/errors/stationary_ensemble.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        ensemble={"kind": "stationary"} | dump(CONFIG.filter.ensemble),
    script:
        "../scripts/anomaly_ensemble.py"


rule interface_ensemble:
    """Anomalies of the joined air-sea state over the training period, for covariances in model or latent space."""
    input:
        atmosphere=rules.nature_run.output.atmosphere,
        ocean=rules.nature_run.output.ocean,
        grid=GRID,
        code=code("ensembles"),
    output:
        f"{BASE}/errors/interface_{{members}}_{{harmonics}}.nc",
    log:
        f"{BASE}/errors/interface_{{members}}_{{harmonics}}.log",
    benchmark:
        f"{BASE}/errors/interface_{{members}}_{{harmonics}}.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        ensemble=lambda wildcards: {
            "members": int(wildcards.members),
            "harmonics": int(wildcards.harmonics),
        },
        splits=dump(CONFIG.splits),
    script:
        "../scripts/interface_ensemble.py"


use rule stationary_ensemble as frequency_ensemble with:
    output:
        f"{BASE}/errors/{{scale}}_frequency.nc",
    log:
        f"{BASE}/errors/{{scale}}_frequency.log",
    benchmark:
        f"{BASE}/errors/{{scale}}_frequency.tsv"
    wildcard_constraints:
        scale="low|high",
    params:
        ensemble=lambda wildcards: {"kind": f"{wildcards.scale}_frequency"}
        | dump(getattr(CONFIG.filter, f"{wildcards.scale}_frequency")),
