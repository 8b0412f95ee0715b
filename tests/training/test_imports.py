import subprocess
import sys

BLOCKED = "lightning_fabric", "safetensors", "tqdm", "rich", "pydantic", "netCDF4", "mpi4py", "zarr", "scipy"


def test_a_machine_with_little_more_than_torch_can_import_networks_and_training():
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({BLOCKED!r}))\n"
        "import pipeline.networks.coupled_vae, pipeline.training\n"
        "from pipeline.errors import PipelineError\n"
        "from pipeline.training._devices import fabric_of\n"
        "try:\n    fabric_of(pipeline.training.Settings())\n"
        "except PipelineError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    assert "install" in done.stdout
    assert "lightning-fabric" in done.stdout
