"""The paper's panels. `snakemake figures` draws them all."""


rule figure_reconstruction:
    """Hf2pMDA figures 7 and 8."""
    input:
        example=rules.reconstruct.output.example,
        grid=GRID,
        code=code("figures/style", "figures/reconstruction"),
    output:
        report(
            f"{FIGURES}/reconstruction_{{component}}.png",
            caption=caption("reconstruction"),
            category="Network",
        ),
    log:
        f"{FIGURES}/reconstruction_{{component}}.log",
    wildcard_constraints:
        component="atmosphere|ocean",
    localrule: True
    conda:
        "../envs/pipeline.yaml"
    script:
        "../scripts/figure_reconstruction.py"


rule figure_training:
    input:
        history=f"{LEARNT}/vae/history.csv",
        code=code("figures/style", "figures/losses"),
    output:
        report(f"{FIGURES}/training.png", caption=caption("training"), category="Network"),
    log:
        f"{FIGURES}/training.log",
    localrule: True
    conda:
        "../envs/pipeline.yaml"
    script:
        "../scripts/figure_training.py"


rule figure_minimisation:
    """Hf2pMDA figure 9a."""
    input:
        trajectories=lambda wildcards: [
            path for chain, method in CONFIG.methods.items() if method.analysis for path in trajectories(chain)
        ],
        code=code("figures/style", "figures/losses"),
    output:
        report(
            f"{FIGURES}/minimisation.png",
            caption=caption("minimisation"),
            category="Assimilation",
        ),
    log:
        f"{FIGURES}/minimisation.log",
    localrule: True
    conda:
        "../envs/pipeline.yaml"
    script:
        "../scripts/figure_minimisation.py"


rule figure_rmse:
    """Hf2pMDA figures 9b and 9c."""
    input:
        table=rules.scores.output.errors,
        code=code("figures/style", "figures/rmse"),
    output:
        report(f"{FIGURES}/rmse.png", caption=caption("rmse"), category="Assimilation"),
    log:
        f"{FIGURES}/rmse.log",
    localrule: True
    conda:
        "../envs/pipeline.yaml"
    params:
        start=str(CONFIG.cycling.start),
        burn_in_days=CONFIG.cycling.burn_in_days,
        variables=["sst", "ps"] if TWIN else ["sst"],
        reference="the truth" if TWIN else "withheld cells",
    script:
        "../scripts/figure_rmse.py"


rule figure_increments:
    input:
        increments=rules.scores.output.increments,
        grid=GRID,
        code=code("figures/style", "figures/increments"),
    output:
        report(
            f"{FIGURES}/increments.png",
            caption=caption("increments"),
            category="Assimilation",
        ),
    log:
        f"{FIGURES}/increments.log",
    localrule: True
    conda:
        "../envs/pipeline.yaml"
    params:
        # A free run has none.
        methods=[name for name, method in CONFIG.methods.items() if method.filter or method.analysis],
    script:
        "../scripts/figure_increments.py"


rule figure_gains:
    input:
        summary=rules.verify.output[0],
        code=code("figures/style", "figures/gains"),
    output:
        report(f"{FIGURES}/gains.png", caption=caption("gains"), category="Assimilation"),
    log:
        f"{FIGURES}/gains.log",
    localrule: True
    conda:
        "../envs/pipeline.yaml"
    script:
        "../scripts/figure_gains.py"


rule figure_workflow:
    """The graph of rules, and the time and memory that each took."""
    input:
        summary=rules.verify.output,
        code=code("figures/style", "figures/rules", "figures/timing"),
    output:
        graph=report(f"{FIGURES}/workflow.png", caption=caption("workflow"), category="Workflow"),
        timing=report(f"{FIGURES}/timing.png", caption=caption("timing"), category="Workflow"),
    log:
        f"{FIGURES}/workflow.log",
    localrule: True
    conda:
        "../envs/pipeline.yaml"
    params:
        folders=list(dict.fromkeys([BUILD, BASE, LEARNT, RESULTS])),
        config=config,
    script:
        "../scripts/figure_workflow.py"


rule figures:
    input:
        expand(
            f"{FIGURES}/reconstruction_{{component}}.png",
            component=["atmosphere", "ocean"],
        ),
        f"{FIGURES}/training.png",
        f"{FIGURES}/minimisation.png",
        f"{FIGURES}/rmse.png",
        f"{FIGURES}/increments.png",
        f"{FIGURES}/workflow.png",
        f"{FIGURES}/gains.png" if TWIN and "wcda" in CONFIG.methods and len(CONFIG.methods) > 2 else [],
        rules.profiles.output.figure if PROFILES else [],
        rules.waves.output.figure if TWIN else [],
    localrule: True
