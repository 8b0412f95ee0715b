"""The coupled autoencoder."""


rule train_vae:
    input:
        atmosphere=rules.nature_run.output.atmosphere,
        ocean=rules.nature_run.output.ocean,
        grid=GRID,
        statistics=rules.statistics.output,
        code=code("networks", "training", "normalization"),
    output:
        weights=TRAINED,
        model=f"{BASE}/vae/model.json",
        history=f"{BASE}/vae/history.csv",
    log:
        f"{BASE}/vae/train_vae.log",
    benchmark:
        f"{BASE}/vae/train_vae.tsv"
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
        checkpoints=f"{BASE}/vae/.checkpoints",
    script:
        "../scripts/train_vae.py"
