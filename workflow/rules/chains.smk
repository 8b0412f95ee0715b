"""Chains of segments, where their files are, and what each run of the model is made of."""

from math import ceil

from pipeline.interface_analysis import is_latent

NATURE_SEGMENTS = ceil(CONFIG.nature.days / CONFIG.nature.segment_days)
SEGMENTS = ceil(CONFIG.cycling.days / CONFIG.cycling.segment_days)
TWIN = CONFIG.real_observations is None
CYCLES = f"{RESULTS}/cycles"
SEEDS = CONFIG.cycling.seeds
CHAINS = (["truth"] if TWIN else []) + list(CONFIG.methods)
FIGURES = f"{RESULTS}/figures"
# Three-dimensional snapshots of the cycles, which only a twin can score.
PROFILES = TWIN and CONFIG.cycling.state_interval_days > 0


def nature_restart(segment):
    """The restart that a segment of the nature run starts from."""
    return f"{BASE}/nature/segment_{segment - 1}/restart.nc" if segment else f"{BASE}/nature/spinup/restart.nc"


def segment_days(segment):
    return min(
        CONFIG.cycling.segment_days,
        CONFIG.cycling.days - int(segment) * CONFIG.cycling.segment_days,
    )


def previous_restart(wildcards):
    """Period n's input is period n-1's output; the first starts from the branch of its seed."""
    chain = f"{CYCLES}/{wildcards.chain}/seed{wildcards.seed}"
    if int(wildcards.segment):
        return f"{chain}/segment_{int(wildcards.segment) - 1}/restart.nc"
    role = "truth" if wildcards.chain == "truth" else "background"
    return f"{CYCLES}/start/{role}/seed{wildcards.seed}/restart.nc"


def with_namelist(extra):
    """The model's specification with further namelist entries (the truth's own parameters)."""
    namelist = {group: dict(entries) for group, entries in MODEL_SPEC["namelist"].items()}
    for group, entries in extra.items():
        namelist.setdefault(group, {}).update(entries)
    return MODEL_SPEC | {"namelist": namelist}


def model_of(chain):
    """The truth has parameters of its own; the filter's stand in the namelist of the chains that use it."""
    method = CONFIG.methods.get(chain)
    if method and method.filter:
        return with_namelist({"da_nml": CONFIG.filter.namelist})
    return with_namelist(CONFIG.truth.namelist) if chain == "truth" else MODEL_SPEC


def method_inputs(wildcards):
    """What a method needs beyond the model: observations, the filter's ensemble, the network if it is latent."""
    method = CONFIG.methods.get(wildcards.chain)
    needed = {}
    if method and (method.filter or method.analysis):
        needed["observations"] = f"{RESULTS}/observations/seed{wildcards.seed}.nc"
        needed["assimilation"] = code("assimilation", "observations/operators", "interface_analysis")
    if method and method.filter:
        needed["ensemble"] = f"{BASE}/errors/ensemble.nc"
        for scale in ("low_frequency", "high_frequency"):
            if getattr(CONFIG.filter, scale):
                needed[scale] = f"{BASE}/errors/{scale}.nc"
    if method and method.analysis:
        needed["statistics"] = f"{BASE}/statistics.json"
        needed["components"] = code("transforms", "covariances", "localization", "inflation")
        if is_latent(dump(method.analysis.method)):
            needed["weights"] = TRAINED
            needed["background"] = f"{LEARNT}/errors/background.nc"
            needed["networks"] = code("networks")
        if ensemble := method.analysis.ensemble:
            needed["interface"] = f"{BASE}/errors/interface_{ensemble.members}_{ensemble.harmonics}.nc"
        if method.analysis.method.kind == "hloba":
            needed["observer"] = f"{RESULTS}/o2lnet/weights.safetensors"
            needed["observation_errors"] = f"{RESULTS}/errors/observation.nc"
    return needed


def nominal_errors(chain):
    """Errors that an observation-to-latent network was trained for; nothing for the other methods."""
    method = CONFIG.methods.get(chain)
    uses = method and method.analysis and method.analysis.method.kind == "hloba"
    return {"nominal": {name: network.error for name, network in CONFIG.observations.items()}} if uses else {}


def trajectories(chain, seeds=SEEDS):
    return expand(
        f"{CYCLES}/{chain}/seed{{seed}}/segment_{{segment}}/trajectory.nc",
        seed=seeds,
        segment=range(SEGMENTS),
    )


def states(chain, seed):
    """Directories of a chain's three-dimensional snapshots."""
    return [path.replace("trajectory.nc", "states") for path in trajectories(chain, [seed])]


def timings(chain):
    return [path.replace("trajectory.nc", "timing.json") for path in trajectories(chain)]


def caption(name):
    return f"../report/{name}.rst"
