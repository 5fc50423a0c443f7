"The command line in processes of its own: what it writes is what the library says, and every mistake ends in one sentence, the right code and no file."
import json, os, pickle, pty, re, resource, select, shlex, signal, subprocess, sys, termios, time
from dataclasses import replace
from importlib import metadata
from io import StringIO
from pathlib import Path
import numpy as np, pandas as pd, pytest
from skelalign.clip import COCO17, SkeletonClip, load_clips, save_clips
from skelalign.joints import convert
from skelalign.poses import read_poses, write_poses
from skelalign.segments import FORMATS, SUFFIX, read_segments, write_segments
from skelalign.simulate import simulate

ROOT = Path(__file__).resolve().parent.parent
DEMO = Path(os.environ.get('SKELALIGN_DATA') or 'no such folder')/'Pose2Sim_demo'
COMMANDS = 'embed align transfer retrieve score train convert view'.split()
ENV = os.environ | dict(OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', MPLBACKEND='agg', PYTHONWARNINGS='ignore')
CLI = [sys.executable, '-m', 'skelalign.cli']

DRIVER = '''
import contextlib, io, json, os, sys
from pathlib import Path
from skelalign.cli import main
state = lambda: {str(p): p.stat().st_mtime_ns for p in sorted(Path('.').rglob('*')) if p.is_file()}
done = []
for prelude, args in json.load(sys.stdin):
    before, out, err = state(), io.StringIO(), io.StringIO(); scope = {}
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        exec(prelude, scope); code = main(args); scope.get('undo', lambda: 0)()
    after = state(); done.append([code, out.getvalue(), err.getvalue(), [n for n in before | after if before.get(n) != after.get(n)]])
json.dump(done, sys.stdout)
'''
def batch(folder, lines):
    "Many commands in one process, for one import: [(code, stdout, stderr, files that are new, gone or changed)]."
    jobs = [line if isinstance(line, tuple) else ('', line) for line in lines]; jobs = [(p, shlex.split(a)) for p, a in jobs]
    run = subprocess.run([sys.executable, '-c', DRIVER], input=json.dumps(jobs), cwd=folder, env=ENV, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)

def shell(folder, line, **more): return subprocess.run([*CLI, *shlex.split(line)], cwd=folder, env=ENV, capture_output=True, text=True, timeout=120, **more)

def slower(clip): # at half the speed
    t = np.linspace(0, len(clip) - 1, 2 * len(clip)); i = np.floor(t).astype(int); j = np.minimum(i + 1, len(clip) - 1); part = (t - i)[:, None, None]
    return SkeletonClip((1 - part) * clip.keypoints[i] + part * clip.keypoints[j], np.minimum(clip.score[i], clip.score[j]), clip.joint_set, clip.frame_size, clip.fps, clip.phases[t.round().astype(int)], id=clip.id)
LIFTS = [convert(p.clip, COCO17) for p in simulate('lift_to_shelf', 6, seed=3, length=(40, 70))]
NAMES = ['stand', 'go down', 'grasp', 'rise', 'put', 'turn']

def spoil(box):
    "What people have by mistake."
    (box/'empty').mkdir(); (box/'sealed').mkdir(); (box/'labelled').mkdir(); (box/'labelled'/'confidence.csv').write_text('old'); (box/'there.csv').write_text('old'); (box/'words.txt').write_text('not joints\n')
    whole = (box/'before.json').read_text(); (box/'cut.json').write_text(whole[:len(whole) // 2]); (box/'broken.npz').write_bytes(b'PK\x03\x04 no more'); (box/'nobody.json').write_text('[]')
    class Command:
        def __reduce__(self): return os.system, ('touch x-was-run',)
    (box/'foreign.pkl').write_bytes(pickle.dumps(Command()))
    (box/'frames.csv').write_text('start,end,label\n0,20,a\n20,60,b\n'); (box/'overlap.csv').write_text('start,end,label\n0,1,a\n0.5,1.5,b\n'); (box/'tiers.txt').write_text('one\t\t0.0\t1.0\t1.0\ta\ntwo\t\t0.0\t1.0\t1.0\tb\n')
    coco = json.loads(whole); again = lambda v, **more: v | {k: v[k] + 5000 for k in ('id', 'image_id') if k in v} | more # a second video in the same file
    (box/'multi.json').write_text(json.dumps(coco | dict(videos=[dict(id=0, name='dive'), dict(id=1, name='swim')], annotations=coco['annotations'] + [again(v) for v in coco['annotations']], images=[v | dict(video_id=0) for v in coco['images']] + [again(v, video_id=1) for v in coco['images']])))
    deep = simulate('lift_to_shelf', 1, seed=3, joints=COCO17, dims=3, length=(40, 50))[0].clip; np.savez(box/'deep.npz', keypoints=deep.keypoints, score=deep.score, joint_set='coco17', fps=30.)
    (box/'evil.eaf').write_text('<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "a">]><ANNOTATION_DOCUMENT>&a;</ANNOTATION_DOCUMENT>')

@pytest.fixture(scope='module')
def box(tmp_path_factory):
    "A folder in which every example of the help can be run."
    from skelalign.render import simulated_videos
    d = tmp_path_factory.mktemp('box'); (d/'poses').mkdir(); (d/'good').mkdir(); first = LIFTS[0]
    for name in ('reference', 'query', 'before', 'mine'): write_poses(first, d/f'{name}.json')
    write_poses(slower(first), d/'after.json'); write_poses(first, d/'openpose_folder')
    for i, c in enumerate(LIFTS[1:4]): write_poses(c, d/'poses'/f'p{i}.json')
    for i, c in enumerate(LIFTS[1:5]): write_poses(c, d/'good'/f'g{i}.json')
    write_segments(d/'reference.csv', first.phases, NAMES, 30)
    (d/'refs').mkdir(); [write_poses(c, d/'refs'/f'r{i}.json') for i, c in enumerate(LIFTS[3:5])]; write_segments(d/'refs'/'r0.csv', LIFTS[3].phases, NAMES, 30); write_segments(d/'refs'/'r1_labels.eaf', LIFTS[4].phases, NAMES, 30); write_poses(LIFTS[1], d/'größe 動画.json')
    film = simulated_videos(d/'films', ['lift_to_shelf'], n_train=1, n_val=0, size=64, length=(40, 50))[0]
    write_poses(film, d/'poses.json'); Path(film.video).rename(d/'film.mp4')
    arm, joints, size = first.keypoints.copy(), [COCO17.names.index(f'left_{j}') for j in ('wrist', 'elbow')], np.ptp(first.keypoints[..., 1]); arm[20:40, joints] += [0, -size]
    write_poses(SkeletonClip(arm, first.score, COCO17, first.frame_size), d/'arm.json'); spoil(d)
    (d/'twice').mkdir(); write_poses(first, d/'file.json'); write_poses(first, d/'twice'/'file.json'); write_poses(first, d/'confidence.json'); save_clips([replace(first, id='../../far/out')], d/'far.npz')
    table = pd.DataFrame({f'{n}_{a}': v for k, n in enumerate(COCO17.names) for a, v in zip('xy', first.keypoints[:, k].T)}); table.insert(0, 'frame', range(len(table))); table.to_csv(d/'bare.csv', index=False); return d

BREAK = 'import skelalign.alignment as m; old = m.align\ndef undo(): m.align = old\n'
MISTAKES = { # words of the command: words of the sentence
    'align before.json': 'B', 'align before.json after.json --methd dtw': "--method", 'algin a b': 'align', 'retrieve before.json after.json --frame soon': '--frame', 'retrieve before.json after.json --frame 3 -k 0': '-k', 'embed before.json': '-o',
    'align nothing.json after.json': 'nothing.json', 'align before.json none/*.json': 'none/*.json', 'align empty after.json': 'empty', 'align words.txt after.json': 'words.txt', 'align cut.json after.json': 'cut.json', 'align nobody.json after.json': 'nobody.json', 'align broken.npz after.json': 'broken.npz',
    'align before.json after.json --method best': "'best'", 'align before.json after.json --format openpse': 'openpse', 'align before.json after.json --format csv': 'before.json', 'align before.json after.json --person tallest': "'tallest'", 'align before.json after.json --person 7': 'person 7',
    'align before.json after.json --fps 0': 'fps', 'align before.json after.json --size wide': '1920x1080', 'align before.json after.json --model none': 'none', 'align before.json after.json --model empty': 'empty', 'align poses after.json': 'holds 3 clips', 'align before.json after.json --video none.mp4': 'none.mp4', 'align before.json after.json --video film.mp4 -o x.mp4': 'film.mp4', 'view before.json --video words.txt -o x.mp4': 'words.txt',
    'align before.json after.json -o x.doc': 'x.doc', 'align before.json after.json -o x': '.csv', 'align before.json after.json -o there.csv': '--force', 'align before.json after.json -o words.txt/x.csv': 'words.txt is a file', 'align before.json after.json -o x.csv -o x.csv': 'twice', 'align before.json after.json -o empty': 'empty', 'align before.json after.json -o sealed/x.csv': 'sealed', 'align before.json after.json poses/p0.json -o x.csv -o x.html': 'x.html',
    'transfer before.json --labels none.csv after.json -o x': 'none.csv', 'transfer before.json --labels words.txt after.json -o x': 'words.txt', 'transfer before.json --labels frames.csv after.json -o x': 'start_frame', 'transfer before.json --labels overlap.csv after.json -o x': 'one after another', 'transfer before.json --labels evil.eaf after.json -o x': 'entities', 'transfer before.json --labels tiers.txt after.json -o x': "name one of ['one', 'two']", 'transfer before.json --labels reference.csv after.json -o x --to srt': 'srt', 'transfer before.json --labels reference.csv after.json -o words.txt': 'words.txt', 'transfer before.json --labels reference.csv after.json -o labelled': '--force', 'transfer before.json --labels reference.csv --unit days after.json -o x': "'days'", 'transfer before.json --labels reference.csv none.json -o x': 'none.json',
    'retrieve before.json after.json --frame 900': 'expected 0 to', 'retrieve before.json after.json --frame nan': 'expected 0 to', 'align before.json after.json --yaw 400': '-360 to 360', 'align multi.json after.json': 'holds 2 clips (dive, swim), expected one, as in multi.json#dive', 'align multi.json#swum after.json': 'multi.json: it holds 2 videos (dive, swim)', 'align film.mp4 after.json': 'film.mp4: it is a film', 'align before.json ""': 'an empty name', 'score before.json before.json': 'only clip',
    'convert deep.npz -o deep.json': 'skelalign: deep.json: the points are in 3D', 'convert before.json -o poses --force': 'poses: holds p0.json, which nothing here writes', 'train good -o poses --force': '--force does not remove', 'transfer good --labels reference.csv before.json -o x': 'reference.csv: is one label file, but good holds 4 clips', 'transfer good --labels poses before.json -o x': 'poses: 0 label files are named as the clip g0 is',
    'train poses -o x --seed -1': '--seed', 'transfer before.json --labels reference.csv good/g0.json confidence.json -o x': 'one name', 'retrieve before.json before.json --frame 3': 'only clip', 'retrieve before.json after.json --frame 3 -k 100000': 'k is 100000', 'score before.json empty': 'empty', 'train before.json -o words.txt': 'words.txt', 'train empty -o x': 'empty', 'train nobody.json -o x': 'nobody.json', 'train poses -o empty': '--force',
    'convert before.json -o x.csv --joints coco99': 'coco99', 'convert poses -o x.csv': 'holds one clip', 'convert before.json -o x.doc': 'x.doc', 'convert before.json -o there.csv': '--force', 'view before.json -o x.csv': '.mp4', 'view before.json': '-o', 'embed foreign.pkl -o x.npz': 'foreign.pkl'}
SLIPS = [BREAK + "def f(*a, **k): raise TypeError('in the works')\nm.align = f", BREAK + 'import numpy as np\ndef f(*a, **k): return np.zeros(3) + np.zeros(4)\nm.align = f', BREAK + "def f(*a, **k): return {}['key']\nm.align = f"]

ANSWERS = ['align before.json after.json -o answers/a.csv -o answers/a.json -o answers/a.npz -o answers/a.mp4 -o answers/a.html -o answers/a.png', 'align before.json after.json -q', 'embed file.json twice/file.json -o answers/names.npz', 'transfer before.json --labels reference.csv far.npz -o answers/far', 'align before.json after.json poses/*.json -o answers/many.csv -o answers/many.mp4',
    'embed before.json after.json -o answers/z.npz -o answers/z.csv -o answers/z.json', 'convert bare.csv -o answers/bare.csv', 'convert bare.csv -o answers/bare30.csv --fps 30 --size 640x480', 'retrieve after.json before.json poses/*.json --frame 60 -k 3', 'retrieve before.json before.json poses/*.json --frame 30 -k 2 --format coco',
    'convert before.json -o answers/b25.json --joints body25', 'convert answers/b25.json -o answers/back.csv --joints coco17', 'convert poses -o answers/all.npz', 'score arm.json good/*.json -o answers/s.csv -o answers/s.json -o answers/s.html', 'view poses.json --video film.mp4 -o answers/v.mp4 -o answers/v.png -o answers/v.html'
    , 'align deep.npz before.json -o answers/deep.csv', 'view deep.npz -o answers/deep.png', 'align before.json after.json --yaw 10 -o answers/yaw.csv', 'align before.json "größe 動画.json" -o answers/letters.png', 'score good/g0.json good -o answers/self.json', 'embed multi.json -o answers/multi.npz', 'embed multi.json#swim -o answers/swim.npz', 'transfer refs --labels refs before.json -o answers/two', 'convert before.json -o answers/again', 'convert after.json -o answers/again --force', 'view good/../before.json -q -o answers/view.png'
    ] + [f'transfer before.json --labels reference.csv after.json poses/*.json -o answers/{f} --to {f}' for f in FORMATS]
example = lambda text: re.search(r'Example:\n +skelalign (.*)', text)[1]
as_run = lambda line: line + ' --steps 2' * line.startswith('train')

@pytest.fixture(scope='module')
def ran(box):
    "Everything below in one process: words of the command -> what came of it."
    seal = 'import os; old = os.access; os.access = lambda p, *a, **k: str(p).find("sealed") < 0 and old(p, *a, **k)\ndef undo(): os.access = old' # root may write anywhere
    helps = [f'{c} --help' for c in COMMANDS]; lines = helps + [as_run(example(r[1])) for r in batch(box, helps)] + ANSWERS
    lines += [(seal if 'sealed' in m else '', m) for m in MISTAKES] + [(slip, 'align before.json after.json -o x.csv') for slip in SLIPS] + ['align before.json after.json -o there.csv --force -q']
    names = [m if isinstance(m, str) else m[0] if m[0] in SLIPS else m[1] for m in lines[:-1]] + ['force']
    return dict(zip(names, batch(box, lines)))

@pytest.fixture(scope='module')
def answers(box, ran):
    for line in ANSWERS: assert ran[line][0] == 0 and 'defect' not in ran[line][2], f'{line}: {ran[line][2]}'
    return box/'answers', ran

def test_help_is_there_at_once(tmp_path):
    "Under a second of work, and without torch, numpy or pandas."
    spent = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]); before = spent(); run = shell(tmp_path, ''); assert spent() - before < 1
    assert run.returncode == 0 and all(re.search(rf'^  {c} ', run.stdout, re.M) for c in COMMANDS) and not run.stderr
    assert shell(tmp_path, '--version').stdout == f'skelalign {metadata.version("skelalign")}\n'
    code = "import sys; from skelalign.cli import main; main(['align', '--help']); assert not {'torch', 'numpy', 'pandas', 'matplotlib', 'tqdm'} & set(sys.modules)"
    assert subprocess.run([sys.executable, '-c', code], env=ENV, capture_output=True).returncode == 0

def test_console_script():
    (script,) = metadata.entry_points(group='console_scripts', name='skelalign'); assert script.value == 'skelalign.cli:main'

def test_help_names_what_there_is(ran):
    from skelalign.alignment import METHODS
    from skelalign.people import RULES
    for names, text in ((METHODS, ran['align --help'][1]), (RULES, ran['view --help'][1]), (FORMATS, ran['transfer --help'][1])): assert not [n for n in names if n not in text]

def test_examples(ran):
    "Each example of the help runs as it stands; every file it names is there, and nothing else."
    for command in COMMANDS:
        line = example(ran[f'{command} --help'][1]); code, out, err, files = ran[as_run(line)]; assert line.startswith(command) and code == 0, f'{line}: {err}'
        named = {w for a, w in zip(shlex.split(line), shlex.split(line)[1:]) if a == '-o'}
        assert named and all(any(f.split('/')[0] == n for f in files) for n in named), (line, files)
        assert not [f for f in files if f.split('/')[0] not in named], f'{line}: something is left behind, {files}'

def test_align_says_the_same_everywhere(answers):
    d, found = answers; t = pd.read_csv(d/'a.csv'); j = json.loads((d/'a.json').read_text()); z = np.load(d/'a.npz')
    assert list(t.columns) == ['frame_a', 'time_a', 'frame_b', 'time_b', 'confidence', 'matched'] and len(t) == len(LIFTS[0])
    for c in t.columns: np.testing.assert_allclose(t[c].astype(float), np.array(j[c], float), rtol=1e-4, atol=1e-5); np.testing.assert_allclose(t[c].astype(float), z[c].astype(float), rtol=1e-5, atol=1e-6)
    assert pd.read_csv(StringIO(found['align before.json after.json -q'][1])).equals(t), 'without -o the table is printed'
    assert np.median(np.abs(t.frame_b - 2 * t.frame_a)) <= 4, 'half the speed'
    assert z['similarity'].shape == (len(LIFTS[0]), 2 * len(LIFTS[0])) and (np.diff(np.array(j['path']), axis=0) >= 0).all()
    many = pd.read_csv(d/'many.csv'); assert list(many.b.unique()) == ['after', 'p0', 'p1', 'p2'] and many[many.b == 'after'].drop(columns='b').reset_index(drop=True).equals(t)

def test_pictures(answers):
    from skelalign.video import video_info
    d, _ = answers
    for name in ('a', 'many', 'v'): assert video_info(d/f'{name}.mp4').frames == len(read_poses(d.parent/('poses.json' if name == 'v' else 'before.json')).frames)
    for name in ('a', 'v'): assert (d/f'{name}.png').read_bytes()[:4] == b'\x89PNG'
    for name in ('a', 'v', 's'): text = (d/f'{name}.html').read_text(); assert '<canvas' in text and not re.search(r'(?:src|href)\s*=\s*["\']https?:', text)

def test_embed(answers):
    d, _ = answers; z, t, j = np.load(d/'z.npz'), pd.read_csv(d/'z.csv'), json.loads((d/'z.json').read_text())
    assert set(z) == {'before', 'after'} and z['after'].shape[0] == 2 * len(LIFTS[0])
    for c in z: rows = t[t['clip'] == c].filter(regex='^z').to_numpy(); np.testing.assert_allclose(rows, z[c], rtol=1e-4, atol=1e-5); np.testing.assert_allclose(j[c]['vectors'], z[c], atol=1e-5)

def test_names_of_clips(answers):
    "Any name of a clip is a name in the file, and none leads out of the folder."
    d, found = answers; assert set(np.load(d/'names.npz')) == {'file', 'file-2'}
    assert sorted(found['transfer before.json --labels reference.csv far.npz -o answers/far'][3]) == ['answers/far/_.._far_out.csv', 'answers/far/confidence.csv']

def test_what_is_guessed_is_said(answers):
    _, found = answers; guess, told = (found[l][2] for l in ANSWERS if l.startswith('convert bare'))
    assert guess.startswith('skelalign: note: bare.csv:') and guess.count('\n') == 1 and '30 frames a second' in guess and not told

@pytest.mark.parametrize('format', FORMATS)
def test_transfer(answers, format):
    "The slowed copy gets the labels slowed; files and confidence.csv say the same."
    d, _ = answers; t = pd.read_csv(d/format/'confidence.csv', keep_default_na=False)
    for clip, rows in t.groupby('clip'):
        phases, said = read_segments(d/format/f'{clip}{SUFFIX[format]}', 30, len(rows)); assert [said[p] for p in phases] == list(rows.label)
    slow = t[t['clip'] == 'after']; assert np.mean(slow.label == np.array(NAMES)[slower(LIFTS[0]).phases]) > .8 and slow.confidence.between(0, 1).all()

def test_several_references_vote(answers):
    "What the command writes is what the library says; labels lie beside the poses, one file named otherwise than the other."
    from skelalign.alignment import transfer_labels
    from skelalign.people import read_clip
    d, _ = answers; t = pd.read_csv(d/'two'/'confidence.csv', keep_default_na=False); refs = [replace(read_clip(d.parent/'refs'/f'r{i}.json'), phases=LIFTS[3 + i].phases) for i in (0, 1)]
    phases, sure = transfer_labels(refs, [read_clip(d.parent/'before.json')])[0]; assert list(t.label) == [NAMES[p] for p in phases]; np.testing.assert_allclose(t.confidence, sure, atol=1e-5)
    alone = transfer_labels(refs[:1], [read_clip(d.parent/'before.json')])[0][0]; assert (alone != phases).any(), 'the second reference counts'

def test_3d_is_looked_at_from_the_front(answers):
    from skelalign.alignment import align
    from skelalign.people import read_clip
    d, found = answers; notes = {l.split()[1]: found[l][2] for l in ANSWERS if 'deep' in l or 'yaw' in l}; t = pd.read_csv(d/'deep.csv'); want = align(read_clip(d.parent/'deep.npz', yaw=0), read_clip(d.parent/'before.json'))
    np.testing.assert_allclose(t.frame_b, want.partner, atol=1e-4); assert 'from the front' in notes['deep.npz'] and 'before: is in 2D, so --yaw does not turn it' in notes['before.json'] and (d/'deep.png').exists()

def test_two_videos_in_one_file(answers):
    d, _ = answers; z, one = np.load(d/'multi.npz'), np.load(d/'swim.npz'); assert list(z) == ['dive', 'swim'] and list(one) == ['swim'] and np.array_equal(z['swim'], one['swim']) and z['dive'].shape == (len(LIFTS[0]), 128)
    np.testing.assert_allclose(z['dive'], z['swim'], atol=1e-5)

def test_nobody_is_compared_with_himself(answers):
    d, found = answers; line = next(l for l in ANSWERS if 'self' in l); assert json.loads((d/'self.json').read_text())['references'] == ['g1', 'g2', 'g3'] and 'g0: is among the others, too' in found[line][2]

def test_names_in_any_letters(answers): _, found = answers; assert 'note' not in next(found[l][2] for l in ANSWERS if 'letters' in l)

def test_force_replaces_what_it_wrote(answers): d, _ = answers; assert len(list((d/'again').iterdir())) == 2 * len(LIFTS[0]) # of the second run alone

def test_retrieve(answers):
    d, found = answers
    table, alone = (pd.read_csv(StringIO(o)) for o in (found[l][1] for l in ANSWERS if l.startswith('retrieve')))
    assert table['clip'][0] == 'before' and abs(table.frame[0] - 30) <= 3 and list(table['rank']) == [1, 2, 3] and (np.diff(table.similarity) <= 0).all()
    assert len(alone) == 2 and 'before' not in set(alone['clip']), 'the query does not find itself'

def test_score_finds_the_arm(answers):
    d, _ = answers; t = pd.read_csv(d/'s.csv'); mean = t[t.frame.between(22, 38)].groupby('part').deviation.mean().drop('whole body')
    assert mean.idxmax() == 'left arm', mean
    j = json.loads((d/'s.json').read_text()); np.testing.assert_allclose(np.array(j['deviation'], float).ravel(), t.deviation, rtol=1e-4, atol=1e-5)

def test_convert_there_and_back(answers):
    d, _ = answers; back = read_poses(d/'back.csv'); first = read_poses(d.parent/'before.json')
    assert back.joint_set is COCO17 and np.abs(np.where(first.score[..., None] > 0, back.keypoints - first.keypoints, 0)).max() < .01 and ((back.score > 0) >= (first.score > 0)).all()
    assert [c.id for c in load_clips(d/'all.npz')] == ['p0', 'p1', 'p2']

@pytest.mark.parametrize('line', MISTAKES)
def test_a_mistake_is_one_sentence(ran, line):
    code, out, err, files = ran[line]; said = [l for l in err.splitlines() if not l.startswith('skelalign: note:')]
    assert code == 2 and not out, (code, out, err)
    assert len(said) == 1 and said[0].startswith('skelalign: ') and MISTAKES[line] in said[0] and 'Traceback' not in err and len(said[0]) < 700, err
    assert not files, f'left behind: {files}'

@pytest.mark.parametrize('slip', SLIPS)
def test_our_defect_is_called_one(ran, slip):
    code, out, err, files = ran[slip]; said = [l for l in err.splitlines() if 'note:' not in l]
    assert code == 1 and len(said) == 1 and 'defect of skelalign' in said[0] and '--debug' in said[0] and 'Traceback' not in err and not files

def test_force_writes_over(ran): code, out, err, files = ran['force']; assert code == 0 and files == ['there.csv'] and not out and not err

def test_codes_of_real_processes(box, ran):
    run = shell(box, 'align before.json after.json -o there.csv'); assert run.returncode == 2 and run.stderr.count('\n') == 1 and '--force' in run.stderr
    run = shell(box, 'align before.json nothing.json --debug'); assert run.returncode == 2 and 'Traceback' in run.stderr and run.stderr.rstrip().splitlines()[-1].startswith('skelalign: nothing.json')
    run = subprocess.run(f'{shlex.join(CLI)} align before.json after.json | head -n 1', shell=True, cwd=box, env=ENV, capture_output=True, text=True); assert run.stdout.startswith('frame_a,') and 'Traceback' not in run.stderr and 'BrokenPipe' not in run.stderr

def test_stopped_by_hand(box):
    "On a terminal there is a bar; ctrl-C ends with 130, a word, and nothing written."
    before = sorted(box.rglob('*')); (main, side), seen = pty.openpty(), b''; termios.tcsetwinsize(side, (24, 100))
    run = subprocess.Popen([*CLI, *'train poses -o stopped --steps 100000'.split()], cwd=box, env=ENV, stdout=side, stderr=side, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)); os.close(side) # a shell's background job would ignore it
    end = time.monotonic() + 60
    while not re.search(rb'\d+/100000', seen) and time.monotonic() < end:
        if select.select([main], [], [], 1)[0]: seen += os.read(main, 4096)
    run.send_signal(signal.SIGINT); tail = b''
    try:
        while select.select([main], [], [], 30)[0]: tail += os.read(main, 4096)
    except OSError: pass # the terminal is closed
    try: code = run.wait(30)
    finally: run.kill(); os.close(main)
    assert code == 130 and b'stopped, nothing was written' in tail and b'Traceback' not in seen + tail, (seen + tail)[-1500:]
    assert sorted(box.rglob('*')) == before

@pytest.mark.skipif(not DEMO.is_dir(), reason='SKELALIGN_DATA has no Pose2Sim_demo')
def test_two_cameras(tmp_path):
    "Two real films of one performance: the same frame number is the same moment."
    pose = DEMO/'pose'
    lines = [f'align {pose}/cam03_json {pose}/cam04_json -o a.csv --video {DEMO}/videos', f'align {pose}/cam01_json {pose}/cam02_json --person central -o b.csv --fps 60']
    for (code, out, err, _), name in zip(batch(tmp_path, lines), 'ab'):
        t = pd.read_csv(tmp_path/f'{name}.csv'); assert code == 0 and len(t) > 90 and np.nanmedian(np.abs(t.frame_a - t.frame_b)) <= 5, err
        assert abs(t.time_a.iloc[-1] - t.frame_a.iloc[-1] / 60) < 1e-4, 'the film gives its rate'
