"""The nature run, a chain of segments, and what training needs of it."""


rule spinup:
    input:
        module=MODEL,
        grid=GRID,
        code=MODEL_CODE,
    output:
        restart=f"{BASE}/nature/spinup/restart.nc",
    log:
        f"{BASE}/nature/spinup/spinup.log",
    benchmark:
        f"{BASE}/nature/spinup/spinup.tsv"
    conda:
        "../envs/fortran.yaml"
    resources:
        mpi=MPI,
        tasks=CONFIG.model.ranks,
        model_slot=1,
    params:
        files=run_files,
        spec=lambda wildcards: json.dumps(
            dict(
                model=MODEL_SPEC,
                begin=str(nature_start(CONFIG)),
                days=CONFIG.nature.spinup_days,
                window_hours=24,
                record=[],
            ),
            sort_keys=True,
        ),
    shell:
        RUN_MODEL


rule nature_segment:
    input:
        module=MODEL,
        grid=GRID,
        start=lambda wildcards: nature_restart(int(wildcards.segment)),
        code=MODEL_CODE,
    output:
        restart=f"{BASE}/nature/segment_{{segment}}/restart.nc",
        trajectory=f"{BASE}/nature/segment_{{segment}}/trajectory.nc",
        states=directory(f"{BASE}/nature/segment_{{segment}}/states"),
    log:
        f"{BASE}/nature/segment_{{segment}}/nature_segment.log",
    benchmark:
        f"{BASE}/nature/segment_{{segment}}/nature_segment.tsv"
    conda:
        "../envs/fortran.yaml"
    resources:
        mpi=MPI,
        tasks=CONFIG.model.ranks,
        model_slot=1,
    params:
        files=run_files,
        spec=lambda wildcards: json.dumps(
            dict(
                model=MODEL_SPEC,
                days=min(
                    CONFIG.nature.segment_days,
                    CONFIG.nature.days - int(wildcards.segment) * CONFIG.nature.segment_days,
                ),
                window_hours=CONFIG.nature.interval_hours,
                state_interval_days=CONFIG.nature.state_interval_days,
                record=["analysis"],
            ),
            sort_keys=True,
        ),
    shell:
        RUN_MODEL


rule nature_run:
    input:
        trajectories=expand(
            f"{BASE}/nature/segment_{{segment}}/trajectory.nc",
            segment=range(NATURE_SEGMENTS),
        ),
        grid=GRID,
        code=code("datasets"),
    output:
        atmosphere=directory(f"{BASE}/nature/atmosphere.zarr"),
        ocean=directory(f"{BASE}/nature/ocean.zarr"),
    log:
        f"{BASE}/nature/nature_run.log",
    benchmark:
        f"{BASE}/nature/nature_run.tsv"
    conda:
        "../envs/pipeline.yaml"
    script:
        "../scripts/nature_run.py"


rule statistics:
    input:
        atmosphere=rules.nature_run.output.atmosphere,
        ocean=rules.nature_run.output.ocean,
        grid=GRID,
        code=code("normalization"),
    output:
        f"{BASE}/statistics.json",
    log:
        f"{BASE}/statistics.log",
    benchmark:
        f"{BASE}/statistics.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        splits=dump(CONFIG.splits),
    script:
        "../scripts/statistics.py"
