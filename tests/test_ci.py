"What a fresh machine runs: .ci/run, and the Makefile as far as it can be tried cheaply."
import os, shutil, stat, subprocess, sys
import pytest
from gates import ROOT

ENV = {k: v for k, v in os.environ.items() if not k.startswith('MAKE') and k not in ('SKELALIGN_DATA', 'MFLAGS')} # pytest may run below make
def run(*command, cwd=ROOT, **env): return subprocess.run(command, cwd=cwd, env=ENV | env, capture_output=True, text=True, timeout=60)

@pytest.fixture
def copy(tmp_path):
    "A repository of Makefile and .ci/run alone, with a make that only says what it was asked."
    root = tmp_path/'repo'; (root/'.ci').mkdir(parents=True); shutil.copy(ROOT/'.ci'/'run', root/'.ci'); shutil.copy(ROOT/'Makefile', root)
    tools = tmp_path/'bin'; tools.mkdir(); fake = tools/'make'
    fake.write_text('#!/bin/sh\necho "make $* in $(basename "$PWD") data=${SKELALIGN_DATA:-none}"\nexit 3\n'); fake.chmod(0o755)
    return root, f'{tools}:{os.environ["PATH"]}'

def test_ci_runs_make_test(copy):
    root, path = copy
    assert os.stat(ROOT/'.ci'/'run').st_mode & stat.S_IXUSR, '.ci/run must be executable'
    found = run(root/'.ci'/'run', cwd='/', PATH=path)
    assert found.stdout == 'make --no-print-directory test in repo data=none\n' and found.returncode == 3, 'from anywhere, with the status of make'

def test_ci_finds_the_data(copy):
    root, path = copy; data = root.parent/'shared'/'data'; data.mkdir(parents=True)
    assert run(root/'.ci'/'run', cwd='/', PATH=path).stdout.strip().endswith(f'data={data.resolve()}')

def test_order_of_make_test():
    said = run('make', '-n', 'test').stdout
    steps = [said.index(s) for s in ('tests/gates.py', 'nbdev_test', 'pytest')]
    assert steps == sorted(steps) and said.strip().splitlines()[-1].endswith('-m pytest tests'), 'pytest has the last word'

def test_make_names_torch_with_constraints():
    said = run('make', '-n', '-W', 'settings.ini', 'install').stdout
    assert "-c constraints.txt torch -e '.[dev]'" in said, 'or pip takes a newer torch with a gigabyte of CUDA'

def test_make_reports_passes_options_on():
    assert '-m skelalign.reports main --force --profile full --jobs 2' in run('make', '-n', 'reports', 'PROFILE=full', 'JOBS=2', 'ARGS=main --force').stdout

def test_too_old_a_python_is_said_in_one_sentence(copy, tmp_path):
    root, _ = copy; tools = tmp_path/'old'; tools.mkdir()
    for name in ('settings.ini', 'constraints.txt', 'setup.py', 'pyproject.toml'): (root/name).touch()
    for name in ('python3', 'python3.13', 'python3.12', 'python3.11'): (tools/name).write_text('#!/bin/sh\nexit 1\n'); (tools/name).chmod(0o755)
    make = shutil.which('make'); assert make
    found = run(make, 'test', cwd=root, PATH=f'{tools}:/usr/bin:/bin')
    assert found.returncode and 'skelalign needs Python 3.11 or newer' in found.stderr and not (root/'.venv').exists()

def test_one_thread_and_an_absolute_data_folder(copy):
    root, _ = copy; (root/'show.mk').write_text('include Makefile\nshow:\n\t@echo $$OMP_NUM_THREADS $$MKL_NUM_THREADS $$SKELALIGN_DATA\n'); (root/'d').mkdir()
    show = lambda **env: run('make', '-s', '-f', 'show.mk', 'show', cwd=root, **env).stdout.strip()
    assert show(OMP_NUM_THREADS='8') == '1 1'
    assert show(SKELALIGN_DATA='d') == f'1 1 {(root/"d").resolve()}' and show(SKELALIGN_DATA='/not/there') == '1 1 /not/there'

def test_pages(tmp_path):
    "make docs: links between notebooks become links between pages, hidden cells and directives go."
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
    root = tmp_path/'repo'; (root/'.ci').mkdir(parents=True); (root/'nbs'/'tables').mkdir(parents=True); shutil.copy(ROOT/'.ci'/'docs.py', root/'.ci')
    (root/'README.md').write_text('# x\n\n> What it is.\n')
    def write(name, text): nbformat.write(new_notebook(cells=[new_markdown_cell(text), new_code_cell('#| hide\nsecret = 1'), new_code_cell('#| export\nshown = 1')]), root/'nbs'/name)
    write('00_a.ipynb', '# First\n\n> Says `a`.\n\nNext: [b](02_b.ipynb#part)'); write('02_b.ipynb', '# Second\n\n> Says b.'); write('tables/t.ipynb', '# Table\n\n> T. [a](../00_a.ipynb)')
    found = run(sys.executable, root/'.ci'/'docs.py', cwd='/'); assert found.returncode == 0, found.stderr
    first, index = ((root/'_docs'/n).read_text() for n in ('00_a.html', 'index.html'))
    assert 'href="02_b.html#part"' in first and 'secret' not in first and 'export' not in first.split('<body')[1] and 'shown' in first
    assert all(s in index for s in ('What it is.', '<a href="00_a.html">First</a>', '<code>a</code>', '<a href="tables/t.html">Table</a>'))
    write('02_b.ipynb', '# Second\n\n> [gone](04_gone.ipynb)')
    found = run(sys.executable, root/'.ci'/'docs.py', cwd='/'); assert found.returncode and '02_b.html: 04_gone.html' in found.stderr
