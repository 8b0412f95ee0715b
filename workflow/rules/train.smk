"""The coupled autoencoder, and the observation-to-latent network that learns from it."""


rule train_vae:
    input:
        atmosphere=rules.nature_run.output.atmosphere,
        ocean=rules.nature_run.output.ocean,
        grid=GRID,
        statistics=rules.statistics.output,
        code=code("networks", "training", "normalization"),
    output:
        weights=TRAINED,
        model=f"{LEARNT}/vae/model.json",
        history=f"{LEARNT}/vae/history.csv",
    log:
        f"{LEARNT}/vae/train_vae.log",
    benchmark:
        f"{LEARNT}/vae/train_vae.tsv"
    conda:
        "../envs/pipeline.yaml"
    threads: 2
    resources:
        model_slot=1,
        gpu=CONFIG.training.gpus,
    params:
        network=dump(CONFIG.network),
        training=dump(CONFIG.training),
        splits=dump(CONFIG.splits),
        seed=CONFIG.seed,
        checkpoints=f"{LEARNT}/vae/.checkpoints",
    script:
        "../scripts/train_vae.py"


if CONFIG.observer:

    rule train_o2lnet:
        """O learns E(x) from what the twin's stations would report; its errors over the validation period are R."""
        input:
            atmosphere=rules.nature_run.output.atmosphere,
            ocean=rules.nature_run.output.ocean,
            grid=GRID,
            statistics=rules.statistics.output,
            autoencoder=TRAINED,
            code=code("networks", "training", "normalization"),
        output:
            weights=f"{RESULTS}/o2lnet/weights.safetensors",
            model=f"{RESULTS}/o2lnet/model.json",
            history=f"{RESULTS}/o2lnet/history.csv",
            errors=f"{RESULTS}/errors/observation.nc",
        log:
            f"{RESULTS}/o2lnet/train_o2lnet.log",
        benchmark:
            f"{RESULTS}/o2lnet/train_o2lnet.tsv"
        conda:
            "../envs/pipeline.yaml"
        threads: 2
        resources:
            model_slot=1,
            gpu=CONFIG.observer.training.gpus,
        params:
            observer=dump(CONFIG.observer),
            observations={name: dump(network) for name, network in CONFIG.observations.items()},
            splits=dump(CONFIG.splits),
            seed=CONFIG.seed,
            checkpoints=f"{RESULTS}/o2lnet/.checkpoints",
        script:
            "../scripts/train_o2lnet.py"
