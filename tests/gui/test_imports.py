"""What the window does to the imports of Python."""

import subprocess
import sys

COUNT = "import linecache, brainviewer.gui.app; print(len(linecache.cache))"


def test_the_window_does_not_read_the_source_of_every_module():
    told = subprocess.run(
        [sys.executable, "-c", COUNT], capture_output=True, text=True, check=True, timeout=300
    )
    assert int(told.stdout) < 200  # 1457 with the import that Qt puts in place
