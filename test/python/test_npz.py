"""What encodeNpz writes opens in NumPy, every dtype. Run: python -m unittest discover test/python (needs NumPy)."""

import pathlib
import subprocess
import tempfile
import unittest

import numpy as np

here = pathlib.Path(__file__).parent

EXPECTED = {
    "float32": np.array([[0, 0.1, -1.5], [2**-149, 3e38, 1]], "f4"),
    "float64": np.array([np.pi, -1e300, 5e-324]),
    "float16": np.array([1, -2], "f2"),
    "int8": np.array([-128, 127], "i1"),
    "int16": np.array([-(2**15), 2**15 - 1], "i2"),
    "int32": np.array([[-(2**31)], [2**31 - 1]], "i4"),
    "int64": np.array([-(2**63), 2**63 - 1], "i8"),
    "uint8": np.array([[[[0, 1], [254, 255]]]], "u1"),
    "uint16": np.array([2**16 - 1], "u2"),
    "uint32": np.array([2**32 - 1], "u4"),
    "uint64": np.array([2**64 - 1], "u8"),
    "bool": np.array([False, True, True]),
    "complex64": np.array([1 - 2j], "c8"),
    "complex128": np.array([1 - 2j], "c16"),
    "scalar": np.array(7.0),
    "empty": np.zeros((0, 5), "f4"),
    "nested/näme": np.array([9], "u1"),
}


class Npz(unittest.TestCase):
    def check(self, level):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out.npz"
            command = ["node", "--import", "tsx", str(here / "write_npz.ts"), str(out), level]
            subprocess.run(command, check=True, cwd=here.parent.parent)
            with np.load(out, allow_pickle=False) as arrays:
                self.assertEqual(set(arrays.files), set(EXPECTED))
                for name, expected in EXPECTED.items():
                    self.assertEqual(arrays[name].dtype, expected.dtype, name)
                    np.testing.assert_array_equal(arrays[name], expected, name, strict=True)

    def test_stored(self):
        self.check("0")

    def test_deflated(self):
        self.check("6")


if __name__ == "__main__":
    unittest.main()
