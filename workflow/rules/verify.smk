"""Scores of the cycles and of the network's reconstruction, as tables and as summary.json."""

SEEDS = CONFIG.cycling.seeds


def trajectories(chain):
    return expand(
        f"{CYCLES}/{chain}/seed{{seed}}/segment_{{segment}}/trajectory.nc", seed=SEEDS, segment=range(SEGMENTS)
    )


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
        table=f"{BASE}/tables/reconstruction.csv",
        example=f"{BASE}/tables/reconstruction.nc",
    params:
        splits=dump(CONFIG.splits),
    log:
        f"{BASE}/tables/reconstruct.log",
    benchmark:
        f"{BASE}/tables/reconstruct.tsv"
    conda:
        "../envs/pipeline.yaml"
    script:
        "../scripts/reconstruct.py"


rule scores:
    """RMSE of each method in time, against the truth or against withheld observations."""
    input:
        **{chain: trajectories(chain) for chain in (["truth"] if TWIN else []) + list(CONFIG.methods)},
        observations=expand(f"{RESULTS}/observations/seed{{seed}}.nc", seed=SEEDS),
        grid=GRID,
        code=code("verification"),
    output:
        table=f"{RESULTS}/tables/rmse.csv",
        increments=f"{RESULTS}/tables/increments.nc",
    params:
        methods=list(CONFIG.methods),
        seeds=SEEDS,
        twin=TWIN,
        climatology=(
            None if TWIN or not CONFIG.real_observations.climatology
            else f"{CONFIG.data_dir}/{CONFIG.real_observations.climatology}"
        ),
    log:
        f"{RESULTS}/tables/scores.log",
    benchmark:
        f"{RESULTS}/tables/scores.tsv"
    conda:
        "../envs/pipeline.yaml"
    script:
        "../scripts/scores.py"


rule verify:
    input:
        rmse=rules.scores.output.table,
        reconstruction=rules.reconstruct.output.table,
        history=f"{BASE}/vae/history.csv",
        timing=lambda wildcards: [path.replace("trajectory.nc", "timing.json") for chain in CONFIG.methods for path in trajectories(chain)],
        code=code("verification"),
    output:
        f"{RESULTS}/summary.json",
    params:
        burn_in_days=CONFIG.cycling.burn_in_days,
        config=dump(CONFIG),
    log:
        f"{RESULTS}/verify.log",
    benchmark:
        f"{RESULTS}/tables/verify.tsv"
    conda:
        "../envs/pipeline.yaml"
    script:
        "../scripts/verify.py"
