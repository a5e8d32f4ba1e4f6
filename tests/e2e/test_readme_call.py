"""The second of the two commands of the README, with a real LiveKit: what the README shows of it is what it prints."""
import re

from daemon import ROOT
from likeness import tried, unlike


def test_what_the_readme_shows_of_a_call(tmp_path):
    code, shown = tried(tmp_path, "--call", timeout=120)
    assert code == 0, shown
    block = re.search(r"<!-- call -->\n```\n(.*?)\n```", (ROOT / "README.md").read_text(), re.S).group(1)
    timeline = shown[shown.index("    0.000 s"):]
    assert unlike(block, timeline) is None, f"{unlike(block, timeline)!r} is not in\n{shown}"
