"README.md runs as it stands, shows the table the reports hold, and its links lead somewhere."
import os, re, subprocess, sys
from importlib.util import find_spec
import pytest
import house
from skelalign.results import JUDGED, SAYS, clip_gains, read_table, seed_values, told_by, verdict
from gates import ROOT

TEXT = (ROOT/'README.md').read_text(encoding='utf-8')
TABLE = re.compile(r'(?<=<!-- headline -->\n).*?(?=<!-- /headline -->)', re.S)
HAVE = find_spec('skelalign.reports') is not None
with_reports = pytest.mark.skipif(not HAVE, reason='skelalign.reports is not there yet')

def test_python_blocks_run(tmp_path):
    "In order, in one process, in an empty folder, without any data."
    blocks = re.findall(r'^```python\n(.*?)^```', TEXT, re.S | re.M); assert blocks, 'README.md shows no python'
    env = {k: v for k, v in os.environ.items() if k != 'SKELALIGN_DATA'} | dict(OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', MPLBACKEND='agg')
    run = subprocess.run([sys.executable, '-c', '\n'.join(blocks)], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=180)
    assert run.returncode == 0, run.stderr

@with_reports
def test_headline_table_is_in_step():
    from skelalign.reports import readme_table
    assert len(TABLE.findall(TEXT)) == 1, 'README.md must have the two marks of the headline table, once'
    assert TABLE.search(TEXT)[0].strip() == readme_table(ROOT).strip(), 'README.md is not what the reports hold: run make readme'

@with_reports
def test_headline_table_is_put_back(tmp_path):
    "What `make readme` runs replaces a typed number, and only the table."
    from skelalign.reports import refresh_readme
    (tmp_path/'README.md').write_text(TABLE.sub(lambda _: '| typed |\n', TEXT), encoding='utf-8')
    (tmp_path/'reports').symlink_to(ROOT/'reports')
    assert refresh_readme(tmp_path) and TABLE.sub('', (tmp_path/'README.md').read_text(encoding='utf-8')) == TABLE.sub('', TEXT)
    assert '| typed |' not in (tmp_path/'README.md').read_text(encoding='utf-8') and not refresh_readme(tmp_path)

def test_links():
    missing = [p for p in house.links(ROOT/'README.md', TEXT) if HAVE or 'reports/' not in p]
    assert not missing, missing

def test_links_of_the_index():
    "A table that was not run is named, not linked."
    index = ROOT/'reports'/'README.md'; missing = list(house.links(index, index.read_text(encoding='utf-8')))
    assert not missing, missing

def test_commands_exist():
    "Every `make target` README.md names is in the Makefile."
    targets = set(re.findall(r'^([a-z]+):', (ROOT/'Makefile').read_text(), re.M))
    named = set(re.findall(r'\bmake ([a-z]+)', ' '.join(re.findall(r'`[^`]+`|```.*?```', TEXT, re.S))))
    assert named and named <= targets, named - targets

def test_no_number_typed_by_hand():
    "Results stand in the table, which is made; elsewhere only versions and code."
    prose = re.sub(r'```.*?```|`[^`]*`|\([^)]*\)', '', TABLE.sub('', TEXT), flags=re.S)
    found = re.findall(r'(?<![\w.])(?:0?\.\d+|\d+(?:\.\d+)? ?%)', prose)
    assert not found, f'README.md states {found}: let the table say it'

SAID = [ # words of the README, table, protocol, metrics, row, rivals, what the csv has to say
    ('coordinates are not told apart from heatmaps', 'components', 'casa@cropped', JUDGED[:2], 'heatmap attention=factorised', 'coordinates compute=same', SAYS[1]),
    ('and are better with noisy joints', 'components', 'casa@cropped+noise=0.1', JUDGED[:2], 'heatmap attention=factorised', 'coordinates compute=same', SAYS[3]),
    ('or with legs out of the picture', 'unlike', 'casa@cropped', JUDGED[:2], 'heatmap judged_on=no legs', 'coordinates compute=same judged_on=no legs', SAYS[3]),
    ('between cameras at a right angle heatmaps are better', 'viewpoint', 'correspondence@cropped+yaw=90', ['correspondence_error_ms'], 'heatmap', 'coordinates compute=same', SAYS[0]),
    ('find the moment far better than coordinates in the order of a tracker', 'people', 'correspondence@cropped+yaw=60', ['correspondence_error_ms'], 'heatmap', 'coordinates listed=tracked', SAYS[0]),
    ('and worse than coordinates that read the two as a set', 'people', 'correspondence@cropped+yaw=60', ['correspondence_error_ms'], 'heatmap', 'coordinates+set', SAYS[3])]
@pytest.mark.parametrize('words, table, protocol, metrics, row, rival, says', SAID, ids=[s[0] for s in SAID])
def test_prose_says_what_the_reports_say(words, table, protocol, metrics, row, rival, says):
    df = read_table(ROOT/'reports'/'full'/f'{table}.csv'); on = next(d for d in sorted(set(df.dataset)) if d != 'simulated'); V, gains = seed_values(df), clip_gains(df)
    found = [told_by(V.loc[(on, protocol, m)], gains, on, protocol, m)(row, rival) for m in metrics]
    assert words in ' '.join((ROOT/'README.md').read_text().split()) and verdict(found) == says
