"The runner end to end: what is refused, what is redone, what survives a kill, and that reports come from their csv alone."
import io, json, os, re, shutil, signal, subprocess, sys, time
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
import numpy as np, pandas as pd, pytest
from skelalign import reports, runs
from skelalign.reports import index_md, main, make, markdown, save
from skelalign.summary import csv_text, png_bytes, with_means
from skelalign.runs import BASE, read_record, run_grid
from gates import ROOT

DATA = dict(n_train=4, n_val=3)
TINY = dict(optim=dict(steps=6, batch=3), views=dict(frames=12))
def run(method='clock', action='squat', seed=0, **more): return dict(dataset='simulated', action=action, method=method, seed=seed, data=DATA) | more
def trained(seeds=1, **more): return [run('coordinates', seed=s, overrides=TINY, **more) for s in range(seeds)]
GRID = [run(m, a, s) for a in ('squat', 'jumping_jack') for m in ('clock', 'raw_keypoints') for s in (0, 1)]

GOOD = f'''from skelalign.reports import run_grid, save
df = run_grid([dict(dataset='simulated', action='squat', method=m, seed=s, data={DATA}) for m in ('clock', 'raw_keypoints') for s in range(seeds)], out)
if out: save('good', df, out)'''
def table(root, name, body, **profiles):
    "A table notebook as small as can be."
    about = dict(question='Which is it?', claims=[dict(better='raw_keypoints', than=['clock'])], **profiles)
    sources = [(f'about = {about!r}', []), ("seeds: int = 1 # how many\nout: str = '' # folder of the report", ['parameters']), (body, [])]
    cells = [dict(cell_type='code', id=f'cell{i}', source=s, metadata=dict(tags=t), outputs=[], execution_count=None) for i, (s, t) in enumerate(sources)]
    nb = dict(cells=cells, metadata=dict(kernelspec=dict(name='python3', display_name='python3', language='python')), nbformat=4, nbformat_minor=5)
    path = root/'nbs'/'tables'/f'{name}.ipynb'; path.parent.mkdir(parents=True, exist_ok=True); path.write_text(json.dumps(nb))

@pytest.fixture
def home(tmp_path, monkeypatch):
    "An empty repository with its own cache, and no real data."
    (tmp_path/'nbs'/'tables').mkdir(parents=True); monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('SKELALIGN_CACHE', str(tmp_path/'.cache'))
    for name in ('SKELALIGN_DATA', 'SKELALIGN_JOBS', 'SKELALIGN_FORCE'): monkeypatch.delenv(name, raising=False)
    return tmp_path

def stamps(folder): return {f.name: f.stat().st_mtime_ns for f in sorted(Path(folder).iterdir())}
def quality(df): return df[df.protocol != 'training@full'].reset_index(drop=True) # no timings
def contents(root): return {f.relative_to(root).as_posix(): f.read_bytes() for f in sorted((root/'reports').rglob('*')) if f.is_file()}

# --- what is refused
@pytest.mark.parametrize('words, says', [(['--profile', 'fast'], "invalid choice: 'fast'"), (['--fast'], 'unrecognized arguments: --fast'), (['tabel'], "unknown table 'tabel'; expected one of ['good']"),
    (['good', '--profile', 'full'], "table good has no profile 'full'"), (['--jobs', '0'], 'expected 1 or more'), (['--jobs', 'two'], 'invalid int value')])
def test_not_understood(home, capsys, words, says):
    table(home, 'good', GOOD, quick={})
    with pytest.raises(SystemExit) as stop: main(words)
    err = capsys.readouterr().err
    assert stop.value.code == 2 and says in err and err.count('\n') == 1 and not (home/'reports').exists()

def test_unknown_parameter_stops_before_anything_is_run(home, capsys):
    table(home, 'good', GOOD, quick={}); table(home, 'typo', GOOD, quick=dict(sedes=2))
    with pytest.raises(SystemExit) as stop: main([])
    err = capsys.readouterr().err
    assert stop.value.code == 2 and "typo.ipynb has no parameter 'sedes'" in err and 'it has seeds, out' in err and not (home/'reports').exists()

def test_outside_a_clone(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, '__spec__', None); monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match='no folder nbs/tables here or above'): runs.repo_root()

@pytest.mark.parametrize('change, says', [(dict(method='clok'), 'clok'), (dict(action='sqat'), 'sqat'), (dict(dataset='simulatd'), 'simulatd'), (dict(overrides=dict(stps=1), method='coordinates'), 'stps'),
    (dict(protocols=['casa@ful']), 'casa@ful'), (dict(sede=1), 'sede')])
def test_a_misspelt_run_is_named(home, change, says):
    with pytest.raises(ValueError, match=f"'{says}'"): run_grid([run() | change])

def test_one_failing_run_keeps_the_others(home, monkeypatch):
    table(home, 'good', GOOD)
    fit = runs.fit_method
    monkeypatch.setattr(runs, 'fit_method', lambda method, *a, **k: 1/0 if method == 'raw_keypoints' else fit(method, *a, **k))
    with pytest.raises(RuntimeError, match='1 of 2 runs failed, the others are kept; the first: simulated-squat-raw_keypoints-s0-.*ZeroDivisionError'): run_grid([run(), run('raw_keypoints')], home/'out')
    assert [f.name.split('-')[2] for f in (home/'out'/'runs').iterdir()] == ['clock']

# --- what is redone, and what is not
MODULE = runs._module
def edited(monkeypatch, module, edit):
    "Pretend that the text of a module changed."
    text = (Path(runs.__file__).parent/f'{module}.py').read_text(); assert edit(text) != text
    monkeypatch.setattr(runs, '_module', lambda name: (runs.code_hash(edit(text)), MODULE(name)[1]) if name == module else MODULE(name))

def prose(text): return '# a remark\n' + text.replace('"""', '"""Told better. ', 1).replace('    "', '    "Told better. ')
def code(text): return text + '\nextra = 1\n'

def test_prose_keeps_records_and_code_does_not(home, monkeypatch, capsys):
    out, grid = home/'out', [run()]
    df = run_grid(grid, out); before = stamps(out/'runs')
    for module in ('metrics', 'simulate', 'training'):
        edited(monkeypatch, module, prose); run_grid(grid, out); assert stamps(out/'runs') == before, f'prose of {module}'
    edited(monkeypatch, 'datasets', code); run_grid(grid, out); assert stamps(out/'runs') == before, 'simulated clips do not come from datasets.py'
    assert capsys.readouterr().err == ''
    edited(monkeypatch, 'metrics', code); again = run_grid(grid, out)
    assert stamps(out/'runs') != before and 'is stale: metrics changed: run again' in capsys.readouterr().err
    pd.testing.assert_frame_equal(again, df)

def test_weights_are_kept_where_only_judging_changed(home, monkeypatch):
    out, grid = home/'out', trained()
    df = run_grid(grid, out); before = stamps(home/'.cache'/'weights'); assert len(before) == 1
    edited(monkeypatch, 'metrics', code); again = run_grid(grid, out)
    assert stamps(home/'.cache'/'weights') == before; kept = lambda df: df[df.metric != 'peak_memory_mb']
    pd.testing.assert_frame_equal(kept(again), kept(df)) # even the timings: they are the training's
    edited(monkeypatch, 'losses', code); run_grid(grid, out)
    assert len(stamps(home/'.cache'/'weights')) == 2, 'other training code, other weights'

@pytest.mark.parametrize('damage', [lambda b: b[:200], lambda b: b'', lambda b: b.replace(b'"kendalls_tau": 0.', b'"kendalls_tau": 1.'), lambda b: b'[1, 2]'])
def test_a_damaged_record_is_said_and_redone(home, capsys, damage):
    out = home/'out'; df = run_grid([run()], out); f, = (out/'runs').iterdir(); whole = f.read_bytes()
    assert damage(whole) != whole; f.write_bytes(damage(whole))
    pd.testing.assert_frame_equal(run_grid([run()], out), df)
    assert f'record {f.name} is not whole: run again' in capsys.readouterr().err and f.read_bytes() == whole

def test_damaged_weights_are_said_and_redone(home, capsys, recwarn):
    grid = trained()
    df = run_grid(grid, home/'a'); f, = (home/'.cache'/'weights').iterdir(); f.write_bytes(f.read_bytes()[:1000])
    again = run_grid(grid, home/'b')
    assert f.stem in capsys.readouterr().err + ' '.join(str(w.message) for w in recwarn)
    pd.testing.assert_frame_equal(quality(again), quality(df))

def test_force_runs_again_and_trains_again(home, monkeypatch):
    out, grid = home/'out', [*trained(), run()]; df = run_grid(grid, out)
    before = [stamps(out/'runs'), stamps(home/'.cache'/'weights')]
    monkeypatch.setenv('SKELALIGN_FORCE', str(time.time() + 1)); again = run_grid(grid, out)
    for old, new in zip(before, [stamps(out/'runs'), stamps(home/'.cache'/'weights')]): assert old.keys() == new.keys() and all(new[n] > old[n] for n in old)
    pd.testing.assert_frame_equal(quality(again), quality(df))

def test_one_model_for_all_actions(home):
    df = run_grid([run('coordinates', 'all', overrides=TINY, data=DATA | dict(actions=['squat', 'jumping_jack'])), *GRID[:1]], home/'out')
    part = df[df.method == 'coordinates+all']
    assert set(part.action) == {'squat', 'jumping_jack'} and part.run.nunique() == 1 and set(part.n_train) == {4} and set(part.n_val) == {3}
    assert set(part[part.protocol == 'training@full'].metric) == set(runs.COST)

def test_any_executor(home):
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(2) as pool: df = run_grid(GRID[:2], home/'a', executor=pool)
    pd.testing.assert_frame_equal(df, run_grid(GRID[:2], home/'b'))

# --- a kill
def test_a_killed_grid_continues(home, monkeypatch):
    import psutil
    out, grid = home/'out', trained(seeds=3)
    script = f'from skelalign.runs import run_grid\nif __name__ == "__main__": run_grid({grid!r}, {str(out)!r}, jobs=1)'
    p = subprocess.Popen([sys.executable, '-c', script], cwd=home, env=os.environ | dict(OMP_NUM_THREADS='1'), start_new_session=True)
    end = time.monotonic() + 60
    while not (done := list((out/'runs').glob('[!.]*.json')) if out.exists() else []) and p.poll() is None and time.monotonic() < end: time.sleep(.01)
    workers = psutil.Process(p.pid).children(recursive=True)
    p.send_signal(signal.SIGKILL); p.wait()
    assert done and workers, 'it was killed while working'
    psutil.wait_procs(workers, timeout=10); assert not any(w.is_running() and w.status() != psutil.STATUS_ZOMBIE for w in workers), 'no worker outlives a killed parent'
    before = stamps(out/'runs'); assert len(before) < 3, 'killed too late to show anything'
    df = run_grid(grid, out); after = stamps(out/'runs')
    assert {n: after[n] for n in before if not n.startswith('.')} == {n: t for n, t in before.items() if not n.startswith('.')}, 'what had ended is not run again'
    assert len([n for n in after if not n.startswith('.')]) == 3
    monkeypatch.setenv('SKELALIGN_CACHE', str(home/'other')); pd.testing.assert_frame_equal(quality(df), quality(run_grid(grid, home/'fresh')))

# --- reports come from their csv
def test_reports_come_from_the_csv_alone(home, tmp_path):
    table(home, 'toy', 'pass', quick={}); out = home/'reports'/'quick'
    csv = save('toy', run_grid(GRID, out), out); first = contents(home)
    other = tmp_path/'elsewhere'; table(other, 'toy', 'pass', quick={}); (other/'reports'/'quick').mkdir(parents=True)
    copy = Path(shutil.copy(csv, other/'reports'/'quick'/'toy.csv'))                     # no records, no runs
    assert markdown(copy).encode() == first['reports/quick/toy.md'] and png_bytes(copy) == first['reports/quick/toy.png'] and index_md(other).encode() == first['reports/README.md']
    for names in (['toy.csv', 'toy.md'], ['toy.png', '../README.md']):
        for name in names: (out/name).unlink()
        save('toy', run_grid(GRID, out), out); assert contents(home) == first, f'{names} come back as they were'
    head = csv.read_text().splitlines()[0].split(',')
    assert head[:9] == 'dataset action method protocol metric value seed n_train n_val'.split()
    df = pd.read_csv(csv); one = df[(df.method == 'clock') & (df.metric == 'event_error') & (df.protocol == 'casa@cropped') & (df.seed == 1)].set_index('action')
    assert abs(one.value['mean'] - one.value.drop('mean').mean()) < 1e-6 and one.n_val['mean'] == 6

def test_a_table_with_its_own_factors(home):
    table(home, 'toy', 'pass', quick={})
    df = run_grid([run(m, seed=s, factors=dict(missing=f)) for m in ('clock', 'raw_keypoints') for s in (0, 1) for f in (0, 20)], home/'out')
    text = markdown(save('toy', df, home/'reports'/'quick'))
    assert '`clock missing=20`' in text and len(df[df.seed == 0]) == 2 * len(df[(df.seed == 0) & (df.missing == 0)])

@pytest.mark.parametrize('damage, says', [(lambda t: '', 'is not a table'), (lambda t: t.replace('0,clock', '0,"clock', 1) + '"' * (t.count('"') % 2 == 0), 'is not a table|has no number as value in line'), (lambda t: '<<<<<<< HEAD\n' + t, 'is not a table|has no column'),
    (lambda t: t.replace('metric', 'metrics', 1), "has no column 'metric'"), (lambda t: t[:t.rfind('simulated') + 30], 'has no number as value in line'), (lambda t: t + '=======\n', 'has no number as value in line')])
def test_a_damaged_csv_is_named(home, capsys, damage, says):
    table(home, 'toy', 'pass', quick={}); out = home/'reports'/'quick'; csv = save('toy', run_grid(GRID[:2], out), out); csv.write_text(damage(csv.read_text()))
    with pytest.raises(ValueError, match=f'toy.csv ({says})'): markdown(csv)
    with pytest.raises(SystemExit) as stop: main(['--list'])
    assert stop.value.code == 2 and (err := capsys.readouterr().err).count('\n') == 1 and 'toy.csv' in err

@pytest.mark.parametrize('text', ['', '{}', '[]', 'null', '{"inputs": "x"}'])
def test_a_damaged_stamp_is_no_stamp(home, text):
    stamp = reports._stamp_file('toy', 'quick', home); stamp.parent.mkdir(parents=True); stamp.write_text(text)
    assert not reports._unchanged('toy', 'x', 'quick', home)

COMMITTED = sorted((ROOT/'reports').glob('*/*.csv'))
PINS = dict(line.split('==') for line in (ROOT/'constraints.txt').read_text().splitlines() if '==' in line)
def test_nothing_is_shown_without_a_csv():
    shown = [f for f in (ROOT/'reports').glob('*/*') if f.suffix in ('.md', '.png')]
    assert shown and [f.name for f in shown if not f.with_suffix('.csv').exists()] == [] and {f.with_suffix('.csv') for f in shown} == set(COMMITTED)
    assert {f for f in (ROOT/'reports').rglob('*.md')} - set(shown) == {ROOT/'reports'/'README.md'} and (ROOT/'reports'/'README.md').read_text() == index_md(ROOT)
    found = (ROOT/'reports'/'README.md').read_text().partition('## What we found')[2].partition('## All tables')[0]; words = re.sub(r'\]\([^)]*\)|[|]|---', ' ', found).split()
    assert 100 < len(words) <= 350, f'half a page, not {len(words)} words'
    assert 'No claim' not in (ROOT/'reports'/'README.md').read_text(), 'a table whose first claim has no rows shows the answer to the next'

@pytest.mark.parametrize('csv', COMMITTED, ids=lambda f: f'{f.parent.name}/{f.name}')
def test_committed_reports_are_what_their_csv_says(csv):
    from matplotlib.image import imread
    assert csv.with_suffix('.md').read_text() == markdown(csv), f'{csv.name}: run python -m skelalign.reports {csv.stem} --profile {csv.parent.name}'
    old, new = csv.with_suffix('.png').read_bytes(), png_bytes(csv)
    if all(version(p) == PINS[p] for p in ('matplotlib', 'pillow', 'numpy', 'pandas')): assert old == new, f'{csv.stem}.png is not what its csv draws'
    else: old, new = imread(io.BytesIO(old)), imread(io.BytesIO(new)); assert old.shape == new.shape and np.abs(old - new).mean() < .02, 'the same picture; other versions may move an edge'
    assert with_means(pd.read_csv(csv, keep_default_na=False)).value.notna().all()

def told_by_records(csv, runs_of=None):
    "The csv again, from the records that its rows name; of its own it gives only the label of each run, and which protocols it shows."
    df, folder = pd.read_csv(csv, keep_default_na=False, dtype=dict(run=str), low_memory=False), Path(runs_of or csv.parent)/'runs'
    def record(pattern):
        found = list(folder.glob(pattern)); assert len(found) == 1, f'{csv.name} stands on {pattern}, of which there are {len(found)}'
        whole = json.loads(found[0].read_text()); assert runs._sealed(whole) == whole, f'{found[0].name} is not whole'; return whole
    columns = [c for c in df if c not in ('against', 'low', 'high')]; factors = [c for c in columns if c not in (*BASE, 'target', 'run', 'device', 'versions')]
    tables, shown, rows = [], df[df.run != ''], []
    for key in dict.fromkeys(shown[['run', 'seed', *factors]].itertuples(index=False, name=None)):
        r = record(f'*-{key[0]}.json'); r = dict(by_clip=defaultdict(dict)) | r; assert runs.fingerprint(r['identity'], 8) == key[0]  # records of old have no clips
        rows += runs._rows({k: r['identity'].get(k) for k in ('dataset', 'action', 'method', 'start')} | dict(seed=key[1], factors=dict(zip(factors, key[2:]))), r)
    if rows: again = pd.DataFrame(rows); tables += [with_means(again[again.protocol.isin(shown.protocol)][[*columns, 'by_clip']])]
    if len(measured := df[df.protocol.isin(['embedding@full', 'one thread'])]):                   # of the tables cost and speed
        name = lambda r: f'cost-{r.method}-{(r.attention or r.drawing).replace(" ", "_")}' if r.protocol == 'embedding@full' else f'speed-{r.method}'
        for m, rows_of in measured.groupby(measured.apply(name, axis=1)): assert set(rows_of.metric) == set(record(f'measured-{m}.json')['result']) - {'apart'}, f'{csv.name} lacks rows of {m}'
        tables += [measured.assign(value=[record(f'measured-{name(r)}.json')['result'][r.metric] for r in measured.itertuples()])]
    whole = pd.concat(tables).fillna(dict(against=''))[list(df)] if len(tables) > 1 else tables[0]
    for c in ('low', 'high'):
        if c in whole: whole[c] = pd.to_numeric(whole[c])
    return csv_text(whole.sort_values([c for c in whole if c not in ('value', 'low', 'high')]) if rows else whole)

@pytest.mark.parametrize('csv', COMMITTED, ids=lambda f: f'{f.parent.name}/{f.name}')
def test_committed_tables_are_what_their_records_give(csv):
    "Every number, every mean, every comparison, and none that is missing."
    old, new = csv.read_text().splitlines(), told_by_records(csv).splitlines()
    if not all(version(p) == PINS[p] for p in ('numpy', 'pandas', 'scipy')): # other versions may draw other resamples
        same = lambda lines: pd.read_csv(io.StringIO('\n'.join(lines)), keep_default_na=False).drop(columns=['low', 'high'], errors='ignore'); pd.testing.assert_frame_equal(same(old), same(new)); return
    assert old == new, f'{csv.name}: {len(set(new) - set(old))} lines that the records give are not in it, {len(set(old) - set(new))} lines in it are not of the records; the first: {next(iter([l for l in new if l not in set(old)] + [l for l in old if l not in set(new)]), "another order")}'

def test_every_quick_record_is_in_a_table():
    "So no run is left out of the csv that asked for it."
    quick = [pd.read_csv(f, keep_default_na=False, dtype=dict(run=str)) for f in COMMITTED if f.parent.name == 'quick']; there = [f.stem for f in (ROOT/'reports'/'quick'/'runs').glob('*.json')]
    named = {r for df in quick for r in df.run}; kernels = {m for df in quick for m in df[df.protocol == 'one thread'].method}; prices = sum((df[df.protocol == 'embedding@full'].metric == 'gflops').sum() for df in quick)
    left = [r for r in there if not r.startswith('measured-') and r.rsplit('-', 1)[1] not in named]; assert not left, f'no table of reports/quick names {left}: remove these records, or make their table'
    assert {r.removeprefix('measured-speed-') for r in there if r.startswith('measured-speed-') and 'training_step' not in r} == kernels and sum(r.startswith('measured-cost-') for r in there) == prices

# --- the command, in kernels of its own
def test_the_command(home, capsys):
    table(home, 'good', GOOD, quick=dict(seeds=2)); table(home, 'bad', "raise KeyError('no such thing')", quick={}); table(home, '_draft', '1/0', quick={})
    with pytest.raises(FileNotFoundError, match='not run: data not available: .*SKELALIGN_DATA') as absent: run_grid([dict(dataset='penn_action', action='pushups', method='clock', seed=0)], home/'out')
    table(home, 'penn', f'raise FileNotFoundError({str(absent.value)!r})', full={})      # as run_grid does, without the wait for its imports
    assert main(['--jobs', '1']) == 1                                                     # bad comes first, good comes out all the same
    err, quick = capsys.readouterr().err, home/'reports'/'quick'
    assert "bad.ipynb failed in cell 3: KeyError: 'no such thing'" in err and (quick/'bad.failed.ipynb').exists() and not (quick/'bad.csv').exists()
    assert {f.name for f in quick.glob('good*')} == {'good.csv', 'good.md', 'good.png'} and len(list((quick/'runs').iterdir())) == 2
    assert 'seeds 0, 1' in (quick/'good.md').read_text() and 'Not run' in (home/'reports'/'README.md').read_text()
    first = {n: b for n, b in contents(home).items() if 'failed' not in n}
    (quick/'bad.failed.ipynb').unlink(); (home/'nbs'/'tables'/'bad.ipynb').unlink()
    assert main(['good']) == 0
    assert {n: b for n, b in contents(home).items() if n != 'reports/README.md'} == {n: b for n, b in first.items() if n != 'reports/README.md'}
    assert main(['--profile', 'full']) == 1                                               # no data here
    says = [line for line in capsys.readouterr().err.splitlines() if line.startswith('penn')]
    assert len(says) == 1 and says[0].startswith('penn: not run: data not available: ') and 'SKELALIGN_DATA' in says[0]
    assert not list((home/'reports'/'full').glob('*.csv')), 'no made-up row'
    assert main(['--list']) == 0 and 'good' in capsys.readouterr().out
