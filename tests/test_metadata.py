"settings.ini is the only source of metadata: everything else that states some of it agrees."
import re, subprocess
from configparser import ConfigParser
from importlib import metadata
import pytest, yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
import skelalign
from gates import ROOT

config = ConfigParser(delimiters=['=']); config.read(ROOT/'settings.ini', encoding='utf-8'); CFG = config['DEFAULT']
RUN, DEV = CFG['requirements'].split(), CFG['dev_requirements'].split()
PINS = {canonicalize_name(r.name): r for line in (ROOT/'constraints.txt').read_text().splitlines() if line.strip() and not line.startswith('#') for r in [Requirement(line)]}

def test_installed_metadata():
    found = metadata.metadata(CFG['lib_name'])
    assert found['Version'] == skelalign.__version__ == CFG['version']
    assert found['Requires-Python'] == f'>={CFG["min_python"]}' and found['Summary'] == CFG['description']
    def plain(reqs): return {(canonicalize_name(r.name), str(r.specifier), 'platform_machine' in str(r.marker)) for r in map(Requirement, reqs)}
    installed = metadata.requires(CFG['lib_name']); dev = [r for r in installed if 'extra ==' in r]
    assert plain(set(installed) - set(dev)) == plain(RUN) and plain(dev) == plain(DEV)

def test_environment_yml():
    env = yaml.safe_load((ROOT/'environment.yml').read_text())
    conda = [d for d in env['dependencies'] if isinstance(d, str)]; pip, = [d['pip'] for d in env['dependencies'] if isinstance(d, dict)]
    assert env['name'] == CFG['lib_name'] and conda == [f'python>={CFG["min_python"]}', 'pip'], 'conda asks for python and pip only'
    assert pip == ['-c constraints.txt', 'torch', '-e .[dev]'], 'pip installs what settings.ini says, nothing else'
    assert 'torch' in {Requirement(r).name for r in RUN}

def test_the_toolchain_is_pinned():
    assert {'nbdev==2.4.14', 'execnb<0.2', 'fastcore<2', 'ghapi<2'} <= set(DEV), 'the only line with both settings.ini and nbdev_test'
    assert 'tags' in CFG['allowed_cell_metadata_keys'].split(), 'or nbdev_clean deletes the tag `parameters`'

@pytest.mark.parametrize('requirement', RUN + DEV)
def test_constraints(requirement):
    "One exact version for everything that is asked for, inside what settings.ini allows."
    r = Requirement(requirement); pin = PINS.get(canonicalize_name(r.name))
    if r.marker and not r.marker.evaluate() and pin is None: pytest.skip('not for this machine, and not tried on its own')
    assert pin is not None, f'{r.name} has no version in constraints.txt'
    (spec,) = pin.specifier
    assert spec.operator == '==' and r.specifier.contains(spec.version, prereleases=True), f'{pin} is outside {r}'

def test_constraints_are_exact():
    assert all(len(p.specifier) == 1 and str(p.specifier).startswith('==') and '+' not in str(p.specifier) for p in PINS.values())

def test_python_versions_agree():
    minor = int(CFG['min_python'].split('.')[1])
    assert f'sys.version_info < (3, {minor})' in (ROOT/'Makefile').read_text() and f'python3 >= 3.{minor}' in (ROOT/'Makefile').read_text()

def test_licence():
    assert CFG['license'] == 'apache2'
    text = (ROOT/'LICENSE').read_text(); assert 'Apache License' in text and 'Version 2.0, January 2004' in text and 'END OF TERMS AND CONDITIONS' in text

def test_build_system_only():
    import tomllib
    assert set(tomllib.loads((ROOT/'pyproject.toml').read_text())) == {'build-system'}, 'settings.ini is the only place for the rest'
