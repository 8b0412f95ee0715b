"""Scores of the cycles and of the network's reconstruction, as tables and as summary.json."""


rule reconstruct:
    """The network on the test period of the nature run."""
    input:
        atmosphere=rules.nature_run.output.atmosphere,
        ocean=rules.nature_run.output.ocean,
        grid=GRID,
        statistics=rules.statistics.output,
        weights=TRAINED,
        code=code("verification", "transforms"),
    output:
        table=f"{LEARNT}/tables/reconstruction.csv",
        example=f"{LEARNT}/tables/reconstruction.nc",
    log:
        f"{LEARNT}/tables/reconstruct.log",
    benchmark:
        f"{LEARNT}/tables/reconstruct.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        splits=dump(CONFIG.splits),
    script:
        "../scripts/reconstruct.py"


rule scores:
    """RMSE of each method in time, against the truth or against withheld observations."""
    input:
        trajectories=[path for chain in CHAINS for path in trajectories(chain)],
        observations=expand(f"{RESULTS}/observations/seed{{seed}}.nc", seed=SEEDS),
        grid=GRID,
        code=code("verification", "trajectory"),
    output:
        errors=f"{RESULTS}/tables/rmse.csv",
        increments=f"{RESULTS}/tables/increments.nc",
        tendencies=f"{RESULTS}/tables/ps_tendency.csv",
    log:
        f"{RESULTS}/tables/scores.log",
    benchmark:
        f"{RESULTS}/tables/scores.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        chains={chain: {seed: trajectories(chain, [seed]) for seed in SEEDS} for chain in CHAINS},
    script:
        "../scripts/scores.py"


if TWIN:

    rule waves:
        """Errors along the equator, by wavenumber."""
        input:
            trajectories=[path for chain in CHAINS for path in trajectories(chain)],
            grid=GRID,
            code=code("verification/waves", "verification/metrics", "trajectory", "figures/style", "figures/waves"),
        output:
            table=f"{RESULTS}/tables/waves.csv",
            figure=report(f"{FIGURES}/waves.png", caption=caption("waves"), category="Assimilation"),
        log:
            f"{RESULTS}/tables/waves.log",
        benchmark:
            f"{RESULTS}/tables/waves.tsv"
        conda:
            "../envs/pipeline.yaml"
        params:
            chains=rules.scores.params.chains,
            start=str(CONFIG.cycling.start),
            burn_in_days=CONFIG.cycling.burn_in_days,
        script:
            "../scripts/waves.py"


if PROFILES:

    rule profiles:
        """Errors aloft and at depth."""
        input:
            states=[path for chain in CHAINS for seed in SEEDS for path in states(chain, seed)],
            grid=GRID,
            code=code("verification/profiles", "figures/style", "figures/profiles"),
        output:
            table=f"{RESULTS}/tables/profiles.csv",
            figure=report(f"{FIGURES}/profiles.png", caption=caption("profiles"), category="Assimilation"),
        log:
            f"{RESULTS}/tables/profiles.log",
        benchmark:
            f"{RESULTS}/tables/profiles.tsv"
        conda:
            "../envs/pipeline.yaml"
        params:
            states={chain: {seed: states(chain, seed) for seed in SEEDS} for chain in CHAINS},
            start=str(CONFIG.cycling.start),
            burn_in_days=CONFIG.cycling.burn_in_days,
        script:
            "../scripts/profiles.py"


rule verify:
    input:
        profiles=rules.profiles.output.table if PROFILES else [],
        waves=rules.waves.output.table if TWIN else [],
        errors=rules.scores.output.errors,
        tendencies=rules.scores.output.tendencies,
        reconstruction=rules.reconstruct.output.table,
        model=f"{LEARNT}/vae/model.json",
        timing=[path for chain in CONFIG.methods for path in timings(chain)],
        climatology=(
            []
            if TWIN or not CONFIG.real_observations.climatology
            else f"{ARCHIVE}/{CONFIG.real_observations.climatology}"
        ),
        trajectories=([] if TWIN else [path for chain in CONFIG.methods for path in trajectories(chain)]),
        grid=GRID,
        code=code("verification"),
    output:
        f"{RESULTS}/summary.json",
    log:
        f"{RESULTS}/verify.log",
    benchmark:
        f"{RESULTS}/tables/verify.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        config=dump(CONFIG),
        timing={chain: timings(chain) for chain in CONFIG.methods},
        chains={chain: {seed: trajectories(chain, [seed]) for seed in SEEDS} for chain in CONFIG.methods},
    script:
        "../scripts/verify.py"
