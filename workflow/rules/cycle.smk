"""Truth, observations and the assimilation cycles: chains of segments, each starting from the last one's restart."""


rule branch:
    """Truth and background leave the nature run's end on different paths: perturbed, then left to diverge."""
    input:
        module=MODEL,
        grid=GRID,
        start=nature_restart(NATURE_SEGMENTS),
        code=MODEL_CODE,
    output:
        restart=f"{CYCLES}/start/{{role}}/seed{{seed}}/restart.nc",
    log:
        f"{CYCLES}/start/{{role}}/seed{{seed}}/branch.log",
    benchmark:
        f"{CYCLES}/start/{{role}}/seed{{seed}}/branch.tsv"
    wildcard_constraints:
        role="truth|background",
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
                model=model_of(wildcards.role),
                days=CONFIG.truth.offset_days,
                window_hours=24,
                record=[],
                perturb=CONFIG.seed * 10000 + int(wildcards.seed) * 2 + (wildcards.role == "truth"),
            ),
            sort_keys=True,
        ),
    shell:
        RUN_MODEL


rule cycle_segment:
    input:
        unpack(method_inputs),
        module=MODEL,
        grid=GRID,
        start=previous_restart,
        code=MODEL_CODE,
    output:
        **({"states": directory(f"{CYCLES}/{{chain}}/seed{{seed}}/segment_{{segment}}/states")} if PROFILES else {}),
        restart=f"{CYCLES}/{{chain}}/seed{{seed}}/segment_{{segment}}/restart.nc",
        trajectory=f"{CYCLES}/{{chain}}/seed{{seed}}/segment_{{segment}}/trajectory.nc",
        timing=f"{CYCLES}/{{chain}}/seed{{seed}}/segment_{{segment}}/timing.json",
    log:
        f"{CYCLES}/{{chain}}/seed{{seed}}/segment_{{segment}}/cycle_segment.log",
    benchmark:
        f"{CYCLES}/{{chain}}/seed{{seed}}/segment_{{segment}}/cycle_segment.tsv"
    wildcard_constraints:
        chain="|".join(CONFIG.methods) or "none",
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
                model=model_of(wildcards.chain),
                days=segment_days(wildcards.segment),
                window_hours=CONFIG.cycling.window_hours,
                record=(["analysis"] if wildcards.chain == "truth" else ["background", "analysis"]),
                method=(dump(CONFIG.methods[wildcards.chain]) if wildcards.chain in CONFIG.methods else {}),
                background=dump(CONFIG.background),
                checkpoint_days=CONFIG.cycling.checkpoint_days,
                **nominal_errors(wildcards.chain),
                **({"state_interval_days": CONFIG.cycling.state_interval_days} if PROFILES else {}),
            ),
            sort_keys=True,
        ),
    shell:
        RUN_MODEL


if TWIN:

    use rule cycle_segment as truth_segment with:
        log:
            f"{CYCLES}/{{chain}}/seed{{seed}}/segment_{{segment}}/truth_segment.log",
        benchmark:
            f"{CYCLES}/{{chain}}/seed{{seed}}/segment_{{segment}}/truth_segment.tsv"
        wildcard_constraints:
            chain="truth",

    rule observe:
        """What the network of observations sees of the truth."""
        input:
            truth=expand(
                f"{CYCLES}/truth/seed{{{{seed}}}}/segment_{{segment}}/trajectory.nc",
                segment=range(SEGMENTS),
            ),
            grid=GRID,
            code=code("observations"),
        output:
            f"{RESULTS}/observations/seed{{seed}}.nc",
        log:
            f"{RESULTS}/observations/observe_seed{{seed}}.log",
        benchmark:
            f"{RESULTS}/observations/observe_seed{{seed}}.tsv"
        conda:
            "../envs/pipeline.yaml"
        params:
            networks={name: dump(network) for name, network in CONFIG.observations.items()},
            seed=lambda wildcards: CONFIG.seed * 10000 + int(wildcards.seed),
        script:
            "../scripts/observe.py"

else:

    ARCHIVE = f"{RESULTS}/archive"
    ARCHIVE_FILES = [*CONFIG.real_observations.files]
    if CONFIG.real_observations.climatology:
        ARCHIVE_FILES.append(CONFIG.real_observations.climatology)

    rule retrieve:
        """The only rule that may need the network: links to the data directory's files, downloaded if not there."""
        output:
            [f"{ARCHIVE}/{name}" for name in ARCHIVE_FILES],
        log:
            f"{ARCHIVE}/retrieve.log",
        benchmark:
            f"{ARCHIVE}/retrieve.tsv"
        localrule: True
        conda:
            "../envs/pipeline.yaml"
        params:
            data_dir=CONFIG.data_dir,
        script:
            "../scripts/retrieve.py"

    rule observe_archive:
        """Archive fields as observations on the model's ocean cells."""
        input:
            files=[f"{ARCHIVE}/{name}" for name in CONFIG.real_observations.files],
            grid=GRID,
            code=code("observations", "datasets"),
        output:
            f"{RESULTS}/observations/seed{{seed}}.nc",
        log:
            f"{RESULTS}/observations/observe_archive_seed{{seed}}.log",
        benchmark:
            f"{RESULTS}/observations/observe_archive_seed{{seed}}.tsv"
        conda:
            "../envs/pipeline.yaml"
        params:
            real=dump(CONFIG.real_observations),
            start=str(CONFIG.cycling.start),
            days=CONFIG.cycling.days,
            seed=lambda wildcards: CONFIG.seed * 10000 + int(wildcards.seed),
        script:
            "../scripts/observe_archive.py"
