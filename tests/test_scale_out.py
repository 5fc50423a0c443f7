"Where runs are executed changes nothing in their results: what is shared, what a killed worker costs, a real Dask cluster."
import json, os, signal, subprocess, sys, threading, time
from contextlib import contextmanager
from types import SimpleNamespace
import numpy as np, pandas as pd, psutil, pytest
from skelalign import executors, reports, runs
from skelalign.reports import main, make, save
from skelalign.runs import execute, run_grid, training_clips
from skelalign.summary import csv_text
from test_reports import DATA, GRID, TINY, contents, home, quality, run, stamps, table

def weights(home): return sorted(f.name for f in (home/'.cache'/'weights').iterdir())
def records(folder): return sorted(folder.glob('[!.]*.json')) if folder.exists() else []
def slow(seeds, steps): return [run('coordinates', seed=s, overrides=dict(TINY, optim=dict(steps=steps, batch=3))) for s in range(seeds)]

# --- which clips are fitted, which judge
def test_judging_elsewhere_shares_the_weights(home):
    on = dict(dataset='simulated', actions=['squat', 'jumping_jack'], **DATA)
    grid = [run('coordinates', a, overrides=TINY, data=dict(n_train=5, n_val=4, trained_on=on)) for a in ('squat', 'jumping_jack', 'lift_to_shelf')]
    df = run_grid(grid); assert len(weights(home)) == 1 and df.run.nunique() == 3 and set(df.n_train) == {5} and set(df.n_val) == {4}
    every = run('coordinates', 'all', overrides=TINY, data=DATA | dict(actions=['squat', 'jumping_jack']), protocols=['casa@full'])
    assert run_grid([every]).run.nunique() == 1 and len(weights(home)) == 1, 'the ordinary run of what it was trained on, judged otherwise'
    seconds = df[df.metric == 'seconds'].value; assert seconds.nunique() == 1, 'trained once'
    run_grid([run('coordinates', overrides=TINY, data=dict(n_train=5, n_val=4))]); assert len(weights(home)) == 2

def test_a_model_of_its_own_action_is_the_ordinary_one(home):
    there = run('coordinates', overrides=TINY, data=DATA | dict(trained_on=dict(dataset='simulated', actions=['squat'], **DATA)))
    value = lambda r: quality(run_grid([r])).drop(columns='run')
    pd.testing.assert_frame_equal(value(there), value(run('coordinates', overrides=TINY))); assert len(weights(home)) == 1

def test_dev_looks_at_training_clips_only(home, monkeypatch):
    seen = run('raw_keypoints', data=dict(n_train=8, n_val=4, dev=.25)); df = run_grid([seen])
    assert set(df.n_train) == {6} and set(df.n_val) == {2}
    load = runs.load
    monkeypatch.setattr(runs, 'load', lambda *a, **k: [c for c in load(*a, **k) if c.split == 'train']); runs._clips.cache_clear()
    assert execute(seen)['results']['squat'] == {p: dict(zip(g.metric, g.value)) for p, g in df.groupby('protocol')}; runs._clips.cache_clear()
    on = run('coordinates', data=dict(n_train=8, n_val=4, dev=.25, trained_on=dict(dataset='simulated', n_train=8, n_val=4)))
    held = {c.id for c in runs.run_clips(on)['squat'][1]}; assert len(held) == 2 and not held & {c.id for c in training_clips(on)}, 'held out everywhere'

def test_two_views_of_a_take_stay_together():
    clips = [SimpleNamespace(id=f'take{i}@{yaw}', action='squat') for i in range(10) for yaw in (0, 45)]
    rest, held = runs._held(clips, .3)
    assert len(held) == 6 and not {c.id.split('@')[0] for c in rest} & {c.id.split('@')[0] for c in held}
    with pytest.raises(ValueError, match='dev: squat has 1 training clips, expected at least 2'): runs._held(clips[:2], .3)

def test_other_joints_are_refused(home):
    mixed = run('coordinates', overrides=TINY, data=DATA | dict(dims=3, trained_on=dict(dataset='simulated', **DATA)))
    with pytest.raises(ValueError, match='trained_on: simulated has clips of penn13 in 2D, simulated of penn13 in 3D; expected one joint set for both'): run_grid([mixed])

# --- clips of a number
def test_scores_of_clips_travel_with_their_number(home, monkeypatch):
    from skelalign.metrics import Score
    score = Score(.625, 8, np.array([.5, np.nan, .75]), np.array([1., 0, 1]))
    monkeypatch.setattr(runs, 'judge_all', lambda embed, train, val, names: {n: dict(event_error=score, kendalls_tau=Score(.1, 3)) for n in names})
    df = run_grid([run()]).set_index('metric').by_clip
    assert df['kendalls_tau'].isna().all()
    for scores, share in df['event_error']: np.testing.assert_array_equal(scores, [.5, np.nan, .75]); assert share == (1., 0, 1)

# --- workers that die
def test_a_killed_worker_costs_its_run_only(home, capsys):
    grid, killed = slow(3, 60), []
    def kill():
        while not killed:
            found = [p for p in psutil.Process().children() if 'spawn_main' in ' '.join(p.cmdline())]
            if found and records(home/'out'/'runs'): killed.append(stamps(home/'out'/'runs')); found[0].kill()
            time.sleep(.02)
    thread = threading.Thread(target=kill, daemon=True); thread.start()
    df = run_grid(grid, home/'out', jobs=1); thread.join(20)
    assert 'a worker process ended in the middle of a run: going on with what is left' in capsys.readouterr().err
    after = stamps(home/'out'/'runs'); assert len(after) == 3 and all(after[n] == t for n, t in killed[0].items() if not n.startswith('.')), 'what had ended is not run again'
    assert df.run.nunique() == 3

@contextmanager
def cluster(home, workers=2):
    "A real scheduler and real workers: processes of their own, started by Dask's own commands."
    dask = [sys.executable, '-m', 'dask']; quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home)
    env = os.environ | dict(OMP_NUM_THREADS='1', DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES='3', DASK_DISTRIBUTED__LOGGING__DISTRIBUTED='critical')
    started = [subprocess.Popen([*dask, 'scheduler', '--host', '127.0.0.1', '--port', '0', '--no-dashboard', '--scheduler-file', str(home/'scheduler.json')], env=env, **quiet)]
    try:
        while not (home/'scheduler.json').exists(): time.sleep(.05); assert started[0].poll() is None
        time.sleep(.1); address = json.loads((home/'scheduler.json').read_text())['address']
        started += [subprocess.Popen([*dask, 'worker', address, '--nthreads', '1', '--no-nanny', '--no-dashboard', '--name', f'w{i}'], env=env, **quiet) for i in range(workers)]
        yield address, started[1:]
    finally:
        for p in started: p.kill(); p.wait()

def test_a_cluster_gives_what_this_machine_gives(home, monkeypatch):
    from distributed import Client
    grid = slow(4, 40) + [run('clock', a) for a in ('squat', 'jumping_jack')]
    monkeypatch.setenv('SKELALIGN_CACHE', str(home/'here')); here = run_grid(grid, home/'a')
    monkeypatch.setenv('SKELALIGN_CACHE', str(home/'there'))
    with cluster(home) as (address, workers):
        client = Client(address, timeout=10, set_as_default=False); client.wait_for_workers(2, 30); left = []
        def kill(): # a worker that has a run, once a run has ended
            while not left:
                busy = sorted(w for w, keys in client.processing().items() if any('alone' in k for k in keys)); ended = len(records(home/'b'/'runs'))
                if busy and ended: left.append(len(grid) - ended); workers[int(client.scheduler_info(n_workers=-1)['workers'][busy[0]]['name'][1:])].kill()
                time.sleep(.02)
        thread = threading.Thread(target=kill, daemon=True); thread.start()
        monkeypatch.setenv('SKELALIGN_SCHEDULER', address); there = run_grid(grid, home/'b'); thread.join(20)
        dead = [p.poll() for p in workers]; client.close()
    assert sorted(dead, key=str) == [-signal.SIGKILL, None] and left[0] > 0, 'one of two workers was killed while runs were left'
    assert csv_text(quality(there)) == csv_text(quality(here))
    said = lambda folder: {f.name: {k: v for k, v in json.loads(f.read_text()).items() if k not in ('log', 'digest')} for f in records(folder)} # all but timings
    assert said(home/'b'/'runs') == said(home/'a'/'runs') and len(said(home/'a'/'runs')) == len(grid)

@pytest.mark.parametrize('info, says', [({}, 'has no worker; start some: dask worker'), (dict(w=dict(nthreads=4)), 'worker w of scheduler tcp://s has 4 threads, expected 1'),
    (dict(w=dict(nthreads=1, code='older')), r'runs other code \(older\) than this process'), (dict(w=dict(nthreads=1, code=ModuleNotFoundError('No module'))), r'cannot import skelalign \(No module\)')])
def test_workers_that_would_give_something_else(info, says):
    client = SimpleNamespace(scheduler_info=lambda n_workers: dict(workers=info), run=lambda f, on_error: {w: i['code'] for w, i in info.items()})
    with pytest.raises(ValueError, match=says): executors._ask(client, 'tcp://s', None, {})

def test_a_worker_that_comes_late_is_asked_too(monkeypatch):
    monkeypatch.setenv('SKELALIGN_FORCE', '')
    with pytest.raises(RuntimeError, match='a worker runs other code than this process'): executors.alone('older', {}, os.getpid, (), {})
    assert executors.alone(executors.CODE, dict(SKELALIGN_FORCE='7'), os.getenv, ('SKELALIGN_FORCE',), {}) == '7'

def test_no_scheduler_is_said_once_before_anything_runs(home, capsys):
    table(home, 'toy', 'pass', quick={}); table(home, 'other', 'pass', quick={})
    with pytest.raises(SystemExit) as stop: main(['--scheduler', 'tcp://127.0.0.1:9'])
    err = capsys.readouterr().err
    assert stop.value.code == 2 and "scheduler 'tcp://127.0.0.1:9' does not answer" in err and err.count('\n') == 1 and not (home/'reports').exists()

def test_the_scheduler_reaches_every_table(home, monkeypatch):
    from contextlib import nullcontext
    table(home, 'one', 'pass', quick={}); table(home, 'two', 'pass', quick={}); asked, seen = [], []
    monkeypatch.setattr(reports, 'dask_executor', lambda address: asked.append(address) or nullcontext())
    monkeypatch.setattr(reports, '_run_table', lambda *a: not seen.append(os.environ['SKELALIGN_SCHEDULER']))
    assert main(['--scheduler', 'tcp://s:1']) == 0 and asked == ['tcp://s:1'] and seen == ['tcp://s:1'] * 2 and 'SKELALIGN_SCHEDULER' not in os.environ
    monkeypatch.setenv('SKELALIGN_SCHEDULER', 'tcp://other:1'); assert main([]) == 0 and seen[2:] == ['tcp://other:1'] * 2

# --- what has not changed is not touched
@pytest.fixture
def started(monkeypatch):
    "Names of the tables whose notebook was run; a table runs here, without a kernel."
    names = []
    def run_table(name, parameters, profile, root):
        names.append(name); out = root/'reports'/profile
        if name == 'bad': return False
        save(name, run_grid(GRID[:2] if name == 'one' else GRID, out, jobs=0), out); return True
    monkeypatch.setattr(reports, '_run_table', run_table); monkeypatch.setattr(reports, 'png_bytes', lambda csv: csv.read_bytes()[:500])
    def again(*args, **options): names.clear(); make(*args, **options); return list(names)
    return again

def test_an_unchanged_table_is_left_alone(home, started, monkeypatch):
    for name in ('bad', 'one', 'two'): table(home, name, 'pass', quick={})
    assert started() == ['bad', 'one', 'two']; first, when = contents(home), stamps(home/'reports'/'quick')
    assert started() == ['bad'] and contents(home) == first and stamps(home/'reports'/'quick') == when, 'a table that failed is tried again'
    (home/'nbs'/'tables'/'bad.ipynb').unlink(); started(); first = contents(home)
    assert started(force=True) == ['one', 'two'] and contents(home) == first
    (home/'.cache').rename(home/'elsewhere'); assert started() == ['one', 'two'] and started() == [], 'a fresh clone has no stamps'
    monkeypatch.setattr(reports, 'package_hash', lambda: 'edited'); assert started() == ['one', 'two'] and started() == []

@pytest.mark.parametrize('damage', [lambda f: f.unlink(), lambda f: f.write_bytes(f.read_bytes()[:-9]), lambda f: f.write_bytes(b'')])
def test_any_output_comes_back_as_it_was(home, started, damage):
    table(home, 'one', 'pass', quick={}); table(home, 'two', 'pass', quick={}); started(); first, out = contents(home), home/'reports'/'quick'
    only_two = next(f for f in records(out/'runs') if 'jumping_jack' in f.name)
    for f, runs_again in ((out/'one.csv', ['one']), (out/'two.md', ['two']), (out/'two.png', ['two']), (only_two, ['two']), (out.parent/'README.md', [])):
        damage(f); assert started() == runs_again and contents(home) == first, f.name

def test_what_a_notebook_says_is_not_what_it_does(home, started):
    table(home, 'one', 'pass', quick={}); started()
    def edit(kind, text):
        f = home/'nbs'/'tables'/'one.ipynb'; nb = json.loads(f.read_text()); nb['cells'].append(dict(cell_type=kind, id=text, source=text, metadata={})); f.write_text(json.dumps(nb))
    edit('markdown', 'prose'); assert started() == []
    edit('code', 'pass'); assert started() == ['one'] and started() == []

def test_real_data_count_where_they_are_used(home, monkeypatch):
    data = home/'data'; (data/'Penn_Action'/'labels').mkdir(parents=True); f = data/'Penn_Action'/'labels'/'0001.mat'; f.write_bytes(b'1')
    monkeypatch.setenv('SKELALIGN_DATA', str(data)); state = lambda *d: reports._data_state(d); first = state('penn_action', 'simulated')
    f.write_bytes(b'12'); assert state('penn_action') not in ('', first) and state('simulated') == ''

# --- the whole runner is stopped
def stopped(home, how):
    "Start the runner on a table of three runs, stop its process group once one run has ended; nothing outlives it, and no table is there, whole or half."
    table(home, 'toy', f'from skelalign.reports import run_grid, save\nsave("toy", run_grid({slow(3, 250)!r}, out), out)', quick={}); out = home/'reports'/'quick'
    p = subprocess.Popen([sys.executable, '-m', 'skelalign.reports', '--jobs', '1'], cwd=home, env=os.environ | dict(OMP_NUM_THREADS='1'), stderr=subprocess.PIPE, text=True, start_new_session=True,
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) # a shell's background job would ignore it
    end = time.monotonic() + 120
    while not records(out/'runs') and p.poll() is None and time.monotonic() < end: time.sleep(.01)
    below = psutil.Process(p.pid).children(recursive=True); os.killpg(p.pid, how); says = p.communicate(timeout=60)[1]
    _, alive = psutil.wait_procs(below, timeout=20)
    assert len(below) >= 2 and not [a for a in alive if a.status() != psutil.STATUS_ZOMBIE], 'kernel and worker end with the runner'
    assert 0 < len(records(out/'runs')) < 3 and not [*out.glob('*.csv'), *out.glob('*.md'), *out.glob('*.png')]
    return p.returncode, says

def test_an_interrupted_batch_says_so(home):
    code, says = stopped(home, signal.SIGINT); assert code == 130 and 'stopped; the runs that had ended are kept\n' in says and 'Traceback' not in says

def test_a_killed_batch_goes_on(home, monkeypatch):
    assert stopped(home, signal.SIGKILL)[0] == -signal.SIGKILL; out = home/'reports'/'quick'; before = stamps(out/'runs')
    assert main(['--jobs', '1']) == 0; after = stamps(out/'runs')
    assert all(after[n] == t for n, t in before.items() if not n.startswith('.')) and len(records(out/'runs')) == 3, 'what had ended is not run again'
    monkeypatch.setenv('SKELALIGN_CACHE', str(home/'undisturbed')); (home/'fresh.csv').write_text(csv_text(run_grid(slow(3, 250), home/'fresh')))
    read = lambda f: quality(pd.read_csv(f, keep_default_na=False, dtype=str)); pd.testing.assert_frame_equal(read(out/'toy.csv'), read(home/'fresh.csv'))

def test_papermill_by_hand(home):
    table(home, 'toy', 'from skelalign.reports import run_grid, save\n' f'df = run_grid([dict(dataset="simulated", action="squat", method="untrained", seed=s, data={DATA}) for s in range(seeds)], out)\nif out: save("toy", df, out)', quick={})
    command = [sys.executable, '-m', 'papermill', 'nbs/tables/toy.ipynb', 'out.ipynb', '-k', 'python3', '--no-progress-bar', '-p', 'seeds', '2', '-p', 'out', 'mine/quick']
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=120); assert done.returncode == 0, done.stderr
    df = pd.read_csv(home/'mine'/'quick'/'toy.csv'); assert set(df.seed) == {0, 1} and not (home/'reports').exists()
