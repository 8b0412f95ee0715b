import functools
import http.server
import threading

import pytest

from pipeline.datasets import retrieval
from pipeline.errors import PipelineError

NAME = "ersst.v5.201001.nc"


@pytest.fixture
def archive(tmp_path):
    """A web server on this machine with one file."""
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / NAME).write_bytes(b"fields")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_file_that_is_there_is_taken(tmp_path):
    (tmp_path / "anything.nc").write_bytes(b"x")
    assert retrieval.retrieve("anything.nc", tmp_path) == tmp_path / "anything.nc"


def test_a_file_is_downloaded_once_and_checked_from_then_on(tmp_path, archive):
    path = retrieval.retrieve(NAME, tmp_path / "data", f"{archive}/{NAME}")
    assert path.read_bytes() == b"fields"
    assert sorted(p.name for p in path.parent.iterdir()) == [NAME, f"{NAME}.sha256"]
    assert retrieval.retrieve(NAME, tmp_path / "data", "http://127.0.0.1:1/never") == path
    path.write_bytes(b"field")
    with pytest.raises(PipelineError, match="damaged or changed"):
        retrieval.retrieve(NAME, tmp_path / "data")


def test_a_wrong_checksum_leaves_no_file(tmp_path, archive, monkeypatch):
    monkeypatch.setitem(retrieval.KNOWN, NAME, "0" * 64)
    with pytest.raises(PipelineError, match="cannot be downloaded"):
        retrieval.retrieve(NAME, tmp_path / "data", f"{archive}/{NAME}")
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", None])
def test_offline_it_says_which_file_to_put_where(tmp_path, url, archive):
    url = (url or f"{archive}/absent/") + NAME
    with pytest.raises(PipelineError, match=rf"{NAME}: not there, and http.* put it there") as error:
        retrieval.retrieve(NAME, tmp_path, url)
    assert len(str(error.value).splitlines()) == 1


def test_archives_of_each_source():
    assert retrieval.url_of("oisst-avhrr-v02r01.20220913.nc").endswith("avhrr/202209/oisst-avhrr-v02r01.20220913.nc")
    assert retrieval.url_of(NAME).endswith("ersst/v5/netcdf/ersst.v5.201001.nc")
    assert retrieval.url_of("ersstv5_sst.mnmean.nc").endswith("sst.mnmean.nc")
    with pytest.raises(PipelineError, match="reanalysis-era5-single-levels"):
        retrieval.url_of("era5_2010.nc")
    with pytest.raises(PipelineError, match="of no archive known here"):
        retrieval.url_of("x.nc")


def test_command_line(tmp_path, capsys):
    (tmp_path / "a.nc").write_bytes(b"x")
    assert retrieval.main(["--data-dir", str(tmp_path), "a.nc"]) == 0
    assert retrieval.main(["--data-dir", str(tmp_path), "b.nc"]) == 1
    assert "put the file into the data directory" in capsys.readouterr().err


def test_the_known_file_is_the_archive_s(real_data):
    path = real_data("oisst-avhrr-v02r01.20220913.nc")
    assert retrieval.retrieve(path.name, path.parent) == path
