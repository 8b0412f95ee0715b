"""Fortran to an importable module, and the grids it runs on."""


rule build_model:
    input:
        yaml=f"config/models/{CONFIG.model.name}.yaml",
        sources=lambda wildcards: sources_of_model(),
        code=code("bridge"),
    output:
        MODEL,
    log:
        f"{BUILD}/models/{CONFIG.model.name}/build_model.log",
    benchmark:
        f"{BUILD}/models/{CONFIG.model.name}/build_model.tsv"
    conda:
        "../envs/fortran.yaml"
    threads: 2
    shell:
        "python -m pipeline.bridge build {input.yaml} --output {output} 2>&1 | tee {log}"


rule grid:
    input:
        code=code("datasets/grid_file", "datasets/_land_mask", "datasets/_relief", "datasets/regridding"),
    output:
        GRID,
    log:
        f"{BUILD}/grids/{CONFIG.size}/grid.log",
    benchmark:
        f"{BUILD}/grids/{CONFIG.size}/grid.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        atmosphere=dump(CONFIG.model.atmosphere),
        ocean=dump(CONFIG.model.ocean),
    script:
        "../scripts/grid.py"
