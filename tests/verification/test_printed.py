"""What the verification programs print, taken apart."""

import numpy as np

from pipeline.verification import printed

LOG = """\
    Start 7: test_wave_1
    Start 12: test_mpi_ocean_2
7: speed of the wave   1.0E+00   2.0E+00   5.000000000000000E-01 F
7: judged  NaN  0.000000000000000E+000 T
7: # day 1: a remark of 3 numbers 1.0 2.0 3.0
12: bytes 0.0E+00 0.0E+00 0.0E+00 T
7: series way  0.0000000E+000  1.0000000E+000  2.0000000E+000  0.0000000E+000
12: field u x  1.0E+01  2.0E+01
7: series way  1.0000000E+000 -1.0000000E+100  2.0000000E+000  0.5000000E+000
7: series plain  3.0000000E+000             NaN
12: field u  -4.5E+01  1.0E+00  2.0E+00
12: field u   4.5E+01  3.0E+00  4.0E+00
1/2 Test #7: test_wave_1 ...   Passed    0.10 sec
"""


def test_rows_series_and_fields_know_their_program():
    found = printed.parse(LOG)
    wave, sea = {"source": "test_wave", "ranks": 1}, {"source": "test_mpi_ocean", "ranks": 2}
    speed, judged, count = found["rows"]
    assert speed == {"test": "speed of the wave", "ours": 1, "reference": 2, "gate": 0.5, "passed": False} | wave
    assert np.isnan(judged["ours"])
    assert judged["gate"] is None
    assert count["source"] == "test_mpi_ocean"
    way, plain = found["series"]
    columns = {"x": [0, 1], "ours": [1, -1e100], "reference": [2, 2], "gate": [0, 0.5]}
    assert way == {"name": "way"} | wave | columns
    assert "reference" not in plain
    values = {"x": [10, 20], "y": [-45, 45], "values": [[1, 2], [3, 4]]}
    assert found["fields"] == [{"name": "u"} | sea | values]


def test_what_a_program_prints_anew_replaces_all_it_printed_before():
    old = printed.parse(LOG)
    new = printed.parse("Start 7: test_wave_1\n7: speed 3.0 2.0 0.5 T\n")
    both = printed.merge(old, new)
    assert [(row["source"], row["test"]) for row in both["rows"]] == [
        ("test_mpi_ocean", "bytes"),
        ("test_wave", "speed"),
    ]
    assert both["series"] == []
    assert both["fields"] == old["fields"]
    assert printed.merge({"rows": old["rows"]}, new)["fields"] == []  # results from before there were any
