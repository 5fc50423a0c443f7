"The rules of the house hold for every notebook and module, and each rule can fail."
import subprocess, sys, types
from pathlib import Path
import nbformat, pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
import house
from gates import ROOT, clean_gate, export_gate, notebooks, parameters_gate, readable_gate

NOTEBOOKS, TABLES = notebooks(ROOT, tables=False), notebooks(ROOT, tables=True)
MODULES = sorted(p for p in (ROOT/'skelalign').glob('*.py') if not p.name.startswith('_'))
name = lambda p: p.relative_to(ROOT).as_posix()
def none(problems, where=''): assert not (found := list(problems)), '\n'.join(['', *(f'{where} {p}' for p in found)])

def test_there_is_something_to_check(): assert NOTEBOOKS and MODULES

# --- everything here is as it should be
@pytest.mark.parametrize('path', NOTEBOOKS + TABLES, ids=name)
def test_notebook(path): none((p for rule in house.RULES for p in rule(path)), name(path))

@pytest.mark.parametrize('path', MODULES, ids=name)
def test_module(path): none(house.module(path), name(path))

def test_floors():
    numbers = {m: house.number(p) for p in NOTEBOOKS if (m := house.module_of(p))}
    assert all(n is not None for n in numbers.values()), 'a notebook that exports has a number'
    assert {p.stem for p in MODULES} == set(numbers), 'every module has its notebook'
    code = {name(p): (house.number(p), '\n'.join(c.source for c in house.read(p)[0]), house.module_of(p)) for p in NOTEBOOKS if house.number(p) is not None}
    code |= {name(p): (numbers[p.stem], p.read_text(encoding='utf-8'), p.stem) for p in MODULES}
    none(house.floors(code, numbers))

def test_numbers_are_unique():
    numbers = [house.number(p) for p in NOTEBOOKS]
    assert len(numbers) == len(set(numbers)), f'two notebooks share a number: {sorted(numbers)}'

@pytest.mark.parametrize('path', TABLES, ids=name)
def test_tables_define_nothing(path):
    assert house.module_of(path) is None and not any(house.is_export(c.source) for c in house.read(path)[0]), f'{name(path)} exports something'

def test_no_foreign_data():
    listed = subprocess.run(['git', 'ls-files', '--cached', '--others', '--exclude-standard'], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode: pytest.skip('not a git repository')
    none(house.foreign(ROOT, listed.stdout.splitlines()))

# --- every rule can fail
def notebook(path, *cells, **metadata):
    path.parent.mkdir(parents=True, exist_ok=True); nbformat.write(new_notebook(cells=list(cells), metadata=metadata), path); return path
title = lambda: new_markdown_cell('# Title\n\n> One sentence.')
def printed(text): return new_code_cell('1', outputs=[new_output('stream', name='stdout', text=text)])

@pytest.mark.parametrize('source, ok', [('from skelalign.clip import take', True), ('from .clip import take', True), ('import skelalign.losses', False),
    ('%matplotlib inline\ndef f():\n    from skelalign import losses', False), ('from .heatmap import *', True), ('from .nowhere import x', False), ('from . import losses', False)])
def test_floors_can_fail(source, ok):
    found = house.floors({'nbs/10_heatmap.ipynb': (10, source, 'heatmap')}, {'clip': 0, 'heatmap': 10, 'losses': 20})
    assert (not found) == ok
    if not ok: assert 'nbs/10_heatmap.ipynb (10) imports skelalign.' in found[0]

BAD = {
    'outputs take': (house.outputs, lambda: [printed('x' * house.OUTPUT_BYTES)]),
    'saved error': (house.outputs, lambda: [new_code_cell('1/0', outputs=[new_output('error', ename='ZeroDivisionError', evalue='', traceback=[])])]),
    'widget as output': (house.outputs, lambda: [new_code_cell('w', outputs=[new_output('display_data', data={'application/vnd.jupyter.widget-view+json': {}})])]),
    'the output of cell': (house.outputs, lambda: [printed('saved to /' + 'tmp/abc123/clip.npz')]),
    'has the machine path': (house.sources, lambda: [new_code_cell('root = "/' + 'home/someone/data"')]),
    'installs and downloads': (house.sources, lambda: [new_code_cell('import os\n!pip install torch')]),
    'has 26 lines': (house.cells, lambda: [new_code_cell('#| export\n\n' + 'a = 1\n' * 26), new_code_cell('assert True')]),
    'tests nothing': (house.cells, lambda: [new_code_cell('#|export\ndef f(): assert True'), new_code_cell('f()')]),
    'does not begin': (house.opening, lambda: [new_markdown_cell('Title')]),
    'one sentence': (house.opening, lambda: [new_markdown_cell('# Title\n\nText')]),
    'which is not there': (house.links, lambda: [new_markdown_cell('[next](99_nothing.ipynb) [web](https://example.org/x) [top](#top)')]),
}
@pytest.mark.parametrize('message', BAD)
def test_rules_can_fail(message, tmp_path):
    rule, cells = BAD[message]
    found = list(rule(notebook(tmp_path/'00_x.ipynb', *cells())))
    assert len(found) == 1 and message in found[0]

def test_a_good_notebook_passes(tmp_path):
    path = notebook(tmp_path/'00_x.ipynb', title(), new_code_cell('#| export\ndef f(): return 1'), new_code_cell('assert f() == 1'), printed('see https://example.org/home/x and a/tmp/b'))
    none(p for rule in house.RULES for p in rule(path))

def test_documentation_can_fail(tmp_path, monkeypatch):
    (tmp_path/'said.py').write_text("__all__ = ['f', 'g', 'C', 'D']\ndef f(x, # a number\n      y=1 # another\n     ): # their sum\n    'Add.'\n    return x + y\n"
                                    "def g(x, # a number\n      y=1, **more): return x\nclass C: pass\n"
                                    "from dataclasses import dataclass\n@dataclass\nclass D: x: int\n")
    monkeypatch.syspath_prepend(tmp_path); import said
    assert list(house.undocumented(said)) == ['g has no docstring', 'g: parameter y has no comment on its line', 'C has no docstring', 'D has no docstring']

def test_shapes_and_foreign_files_can_fail(tmp_path):
    assert list(house.shape_calls('x = 1\ny = x.view(2, 3)\nz = x.reviewed(1)')) == ['line 2 calls .view: use einops']
    (tmp_path/'big.csv').write_bytes(b'0' * (house.FILE_BYTES + 1)); (tmp_path/'ok.csv').write_text('a')
    assert [p.split()[0] for p in house.foreign(tmp_path, ['data/0001.mat', 'big.csv', 'ok.csv', 'a.MP4'])] == ['data/0001.mat:', 'big.csv', 'a.MP4:']

# --- the gates of make test can fail, say which file, and leave it as it is
@pytest.fixture(scope='module')
def small(tmp_path_factory):
    "A small repository that passes every gate."
    root = tmp_path_factory.mktemp('small'); (root/'settings.ini').write_bytes((ROOT/'settings.ini').read_bytes())
    code = [new_code_cell('#| default_exp one'), new_code_cell('#| export\ndef one(): return 1'), new_code_cell('assert one() == 1')]
    notebook(root/'nbs'/'00_one.ipynb', title(), *code)
    notebook(root/'nbs'/'tables'/'main.ipynb', title(), new_code_cell('seeds = 1', metadata=dict(tags=['parameters'])))
    for command in ('nbdev_clean', 'nbdev_export'): subprocess.run([Path(sys.executable).parent/command], cwd=root, check=True, capture_output=True)
    return root

def test_gates_pass(small): none(readable_gate(small) + export_gate(small) + clean_gate(small) + parameters_gate(small))

def broken(path, change, gate, root):
    "Problems the gate finds while path is changed."
    before = path.read_bytes() if path.exists() else None; path.write_bytes(change(before or b'')); edited = path.read_bytes()
    try: return gate(root), path.read_bytes() == edited
    finally: path.write_bytes(before) if before is not None else path.unlink()

def test_an_edited_module_fails_and_is_kept(small):
    (problem,), kept = broken(small/'skelalign'/'one.py', lambda b: b.replace(b'return 1', b'return 2'), export_gate, small)
    assert problem.startswith('nbdev_export changes skelalign/one.py') and kept

def test_a_module_without_a_notebook_fails(small):
    problems, kept = broken(small/'skelalign'/'two.py', lambda b: b'x = 1\n', export_gate, small)
    assert any(p.startswith('nbdev_export removes skelalign/two.py') for p in problems) and kept

def test_an_unexported_edit_fails(small):
    (problem,), _ = broken(small/'nbs'/'00_one.ipynb', lambda b: b.replace(b'return 1', b'return 3'), export_gate, small)
    assert problem.startswith('nbdev_export changes skelalign/one.py')

@pytest.mark.parametrize('change', [lambda b: b[:-20], lambda b: b + b'x =', lambda b: b'{"cells": 3}'])
def test_a_broken_notebook_is_named(small, change):
    (problem,), kept = broken(small/'nbs'/'00_one.ipynb', change, readable_gate, small)
    assert problem.startswith('nbs/00_one.ipynb is not a notebook') and len(problem) < 250 and kept

def test_an_unclean_notebook_fails_and_is_kept(small):
    (problem,), kept = broken(small/'nbs'/'00_one.ipynb', lambda b: b.replace(b'"execution_count": null', b'"execution_count": 7', 1), clean_gate, small)
    assert problem.startswith('nbdev_clean changes nbs/00_one.ipynb') and kept

@pytest.mark.parametrize('tag, n', [(b'other', 0), (b'parameters", "parameters', 1)])
def test_the_parameters_tag(small, tag, n):
    problems, _ = broken(small/'nbs'/'tables'/'main.ipynb', lambda b: b.replace(b'parameters', tag), parameters_gate, small)
    assert len(problems) == (n != 1) and all('nbs/tables/main.ipynb has 0 code cells tagged parameters' in p for p in problems)
