"""Files of public archives: taken from the data directory, else downloaded with a checksum and a progress bar.

    python -m pipeline.datasets.retrieval --data-dir data oisst-avhrr-v02r01.20220913.nc sst.mnmean.nc

The archives publish no checksums. The one of a first download is kept beside the file (`<file>.sha256`, the format of
sha256sum), and the file is checked against it from then on; the checksums of files that tests rely on are known here.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import PipelineError
from pipeline.files import atomic

OISST_URL = "https://www.ncei.noaa.gov/data/sea-surface-temperature-optimum-interpolation/v2.1/access/avhrr/{}/{}"
ERSST_MONTH_URL = "https://www.ncei.noaa.gov/pub/data/cmb/ersst/v5/netcdf/{}"
ERSST_URL = "https://downloads.psl.noaa.gov/Datasets/noaa.ersst.v5/sst.mnmean.nc"
KNOWN = {"oisst-avhrr-v02r01.20220913.nc": "62a396aeeccc78719423dd78ed751feeb8d9d05880809afd1fc2be822f4f04c9"}

ERA5_ADVICE = """ERA5 needs an account of the Climate Data Store: pip install cdsapi, then
    cdsapi.Client().retrieve("reanalysis-era5-single-levels", {"product_type": ["reanalysis"],
        "variable": ["surface_pressure", "2m_temperature", "10m_u_component_of_wind", "10m_v_component_of_wind"],
        "year": ["2010"], "month": ["01"], "day": [...], "time": ["00:00", "06:00", "12:00", "18:00"],
        "data_format": "netcdf", "download_format": "unarchived"}, "<file>")
or read the cloud store gs://gcp-public-data-arco-era5/ar/full_37-1h-0p25deg-chunk-1.zarr-v3 (pip install gcsfs)"""


def url_of(name: str) -> str:
    """Where a file of this name is published.

    Raises:
        PipelineError: an ERA5 file, which must be asked for, or a name of no known archive.
    """
    day = re.fullmatch(r"oisst-avhrr-v02r01\.(\d{6})\d{2}(_preliminary)?\.nc", name)
    if day:
        return OISST_URL.format(day.group(1), name)
    if re.fullmatch(r"ersst\.v5\.\d{6}\.nc", name):
        return ERSST_MONTH_URL.format(name)
    if name.endswith("sst.mnmean.nc"):
        return ERSST_URL
    if "era5" in name.lower():
        raise PipelineError(f"{name}: {ERA5_ADVICE}")
    raise PipelineError(f"{name}: of no archive known here (OISST, ERSST, ERA5); put the file into the data directory")


def retrieve(name: str, data_dir: Path, url: str | None = None, timeout: float = 60.0) -> Path:
    """Path of a file in the data directory, downloaded if it is not there.

    Raises:
        PipelineError: the file is damaged, or neither here nor can it be downloaded; says what to put where.
    """
    path = Path(data_dir) / name
    if path.is_file():
        _verify(path)
        return path
    url = url or url_of(name)
    try:
        _download(url, path, timeout)
    except (OSError, ValueError) as error:  # requests' and urllib's errors are OSErrors; pooch's checksum a ValueError
        reason = str(error).splitlines()[0][:160]
        raise PipelineError(
            f"{path}: not there, and {url} cannot be downloaded ({reason}); fetch it elsewhere and put it there, "
            "or set data_dir to where it is"
        ) from error
    return path


def _download(url: str, path: Path, timeout: float) -> None:
    import pooch

    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=timeout)
    known = f"sha256:{KNOWN[path.name]}" if path.name in KNOWN else None
    with atomic(path) as temporary:
        pooch.retrieve(url, known, fname=temporary.name, path=temporary.parent, downloader=downloader)
    with atomic(_checksum_file(path)) as temporary:
        temporary.write_text(f"{_sha256(path)}  {path.name}\n")


def _verify(path: Path) -> None:
    """Compare with the checksum that is known or was kept; a file put there by hand has none."""
    kept = _checksum_file(path)
    expected = KNOWN.get(path.name) or (kept.read_text().split()[0] if kept.is_file() else None)
    if expected and _sha256(path) != expected:
        raise PipelineError(f"{path}: damaged or changed (sha256 is not {expected[:12]}...); remove it and {kept.name}")


def _checksum_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: file names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("names", nargs="+", metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        for name in options.names:
            print(retrieve(name, options.data_dir))
    except PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
