"Pose files of every tool come in as they are; damaged ones are refused in one sentence that names the file."
import csv, json, os, pickle, shutil, warnings, zipfile
from pathlib import Path
import numpy as np, pandas as pd, pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pose_files import PICKLES, SIZE, WORDS, annotation, clip, damaged_bytes, damaged_doc, damaged_text, good_files, person, _json, _pickle, _two, openpose
from skelalign import poses
from skelalign.clip import JOINT_SETS, SkeletonClip, joint_set, save_clips
from skelalign.joints import convert
from skelalign.poses import FORMATS, Poses, contents, read_poses, sniff, write_poses

few = settings(deadline=None, max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])

@pytest.fixture(scope='module')
def good(tmp_path_factory): return good_files(tmp_path_factory.mktemp('good')/'files')
NAMES = ['openpose', 'openpose_b', 'openpose_18', 'openpose_hands', 'openpose_3d', 'openpose_one', 'coco', 'whole', 'results', 'annotations', 'alphapose', 'openpose_alphapose', 'mmpose', 'mmpose_list', 'mmpose_folder', 'mmpose_call', 'ultralytics', 'ultralytics_folder', 'ultralytics_labels',
         'ultralytics_csv', 'mediapipe', 'mediapipe_plain', 'mediapipe_csv', 'pyskl', 'pyskl_list', 'penn', 'csv_long', 'csv_tabs', 'csv', 'csv_3d', 'npz', 'npz_3d', 'npy', 'npz_own', 'skelalign']

def said(path, **options):
    "'' if the file is read into valid Poses, else the sentence that it is refused with; anything else fails."
    with warnings.catch_warnings(record=True) as noise:
        warnings.simplefilter('always')
        try: p, text = read_poses(path, **dict(frame_size=SIZE) | options), ''
        except Exception as e: p, text = None, str(e); assert type(e) in (ValueError, FileNotFoundError), f'{path}: {type(e).__name__}: {e}'
        try: assert not text or sniff(path) in FORMATS
        except Exception as e: assert type(e) in (ValueError, FileNotFoundError), f'{path}: {type(e).__name__}: {e}'
    assert not noise, f'{path}: {noise[0].message}'
    if text: assert Path(path).name in text and '\n' not in text and len(text) < 700 and len(text) > len(str(path)) + 20, text
    else: assert type(p) is Poses and len(p) and p.score.any() and np.isfinite(p.keypoints).all() and (np.diff(p.frames) > 0).all() and ((p.score >= 0) & (p.score <= 1)).all() and str(path) == p.path
    return text

# --- whole files
def test_every_file_is_there(good): assert list(good) == NAMES and {sniff(p) for p in good.values()} == set(FORMATS)

@pytest.mark.parametrize('name', NAMES)
def test_whole(good, name):
    p = read_poses(good[name], frame_size=SIZE); kind = name.split('_')[0] if name not in ('whole', 'results', 'annotations') else 'coco'
    assert sniff(good[name]) == {'npy': 'npz'}.get(kind, kind) and len(p) == (1 if name == 'openpose_one' else 4) and p.path == str(good[name]) and p.joint_set in JOINT_SETS.values()
    several = kind in ('openpose', 'alphapose', 'mmpose', 'ultralytics') and name != 'openpose_one' or name in ('results', 'annotations', 'csv_long')
    assert p.score.any(-1).tolist() == [[True, True], [True, False], [True, True], [True, True]] if several else p.score.shape[1] == 1
    kp, s = person(p.joint_set.name); half = .3 if kind == 'pyskl' else .02 # float16
    if kind not in ('penn',): assert np.allclose(p.keypoints[:, 0, :, :2] * (100 if name == 'npz_3d' else 1), kp[:len(p)], atol=half) and (name in ('annotations', 'npz_3d') or np.allclose(p.score[:, 0], s[:len(p)], atol=.01))
    if several: assert np.allclose(p.keypoints[[0, 2, 3], 1, :, :2], kp[[0, 2, 3]] + 60, atol=.02)
    assert p.keypoints.shape[-1] == (3 if '3d' in name else 2)

def test_what_is_known_beside_the_points(good):
    assert read_poses(good['annotations']).track.tolist() == [[0, 1], [0, -1], [0, 1], [0, 1]] and read_poses(good['alphapose']).track[0].tolist() == [1, 2] and read_poses(good['ultralytics_labels'], frame_size=SIZE).track[0].tolist() == [1, 2]
    assert read_poses(good['annotations']).frame_size == SIZE and read_poses(good['npz']).fps == 25 and read_poses(good['pyskl']).frame_size == SIZE and read_poses(good['openpose']).frame_size is None
    assert read_poses(good['mmpose']).frames.tolist() == [1, 2, 3, 4] and read_poses(good['openpose_one']).frames.tolist() == [0] and read_poses(good['ultralytics_labels'], frame_size=SIZE).frames.tolist() == [1, 2, 3, 4]
    assert read_poses(good['penn']).joint_set.name == 'penn13' and (read_poses(good['openpose']).track == -1).all()

def _coco(names, **fields): # a person in each image; who is x pixels to the right comes from image x
    images = [dict(id=i, file_name=n) | {k: v[i] for k, v in fields.items()} for i, n in enumerate(names)]; kp, _ = person('coco17')
    return dict(images=images, annotations=[dict(id=i, image_id=i, category_id=1, keypoints=np.concatenate([kp[0] + [i, 0], np.ones((17, 1)) * 2], 1).ravel().tolist()) for i in range(len(names))])
def _plain(doc): return [dict(image_id=i['file_name'], category_id=1, keypoints=a['keypoints'][:2] + [.9] + a['keypoints'][3:]) | {k: i[k] for k in ('video_id', 'vid_id') if k in i} for i, a in zip(doc['images'], doc['annotations'])]
WOVEN = ['d/a/1.jpg', 'd/b/1.jpg', 'd/a/2.jpg', 'd/b/2.jpg']
SEVERAL = dict(folders=lambda: _coco(WOVEN), windows=lambda: _coco([n.replace('/', '\\') for n in WOVEN]), video_id=lambda: _coco([f'{i}.jpg' for i in range(4)], video_id=['a', 'b'] * 2), vid_id=lambda: _coco(WOVEN, vid_id=[7, 8, 7, 8]) | dict(videos=[dict(id=7, name='a'), dict(id=8, name='b')]),
    results=lambda: _plain(_coco(WOVEN)), results_field=lambda: _plain(_coco(['1.jpg', '1.jpg', '2.jpg', '2.jpg'], video_id=['a', 'b'] * 2)), named=lambda: {n: [dict(keypoints=a['keypoints'])] for n, a in zip(WOVEN, _coco(WOVEN)['annotations'])}, prefix=lambda: _coco(['a_1.jpg', 'b_1.jpg', 'a_2.jpg', 'b_2.jpg']),
    notes=lambda: (doc := _coco([f'{i}.jpg' for i in range(4)])) | dict(annotations=[a | dict(video_id='ab'[i % 2]) for i, a in enumerate(doc['annotations'])]), wrapped=lambda: dict(results=_plain(_coco(WOVEN))))

@pytest.mark.parametrize('case', SEVERAL)
def test_videos_are_never_woven(case, tmp_path):
    "Two videos of two frames, frame by frame in turn: refused together, read by name, all read by read_clips."
    from skelalign.people import read_clips
    f = _json(tmp_path/'poses.json', SEVERAL[case]()); a, b = ('a_', 'b_') if case == 'prefix' else 'ab'; text = said(f); assert f'it holds 2 videos ({a}, {b}), expected one of them behind its name, as in poses.json#{a}' in text
    first, second = contents(f); assert (first, second) == (f'{f}#{a}', f'{f}#{b}')
    with pytest.raises(ValueError, match='poses.json: it holds 2 videos'): read_poses(f'{f}#nix')
    for i, path in enumerate((first, second)): p = read_poses(path); assert len(p) == 2 and p.score.shape[1] == 1 and np.allclose(np.diff(p.keypoints[:, 0], axis=0)[..., 0], 2, atol=1e-3) and np.allclose(p.keypoints[0, 0, :, 0] - read_poses(first).keypoints[0, 0, :, 0], i, atol=1e-3)
    with warnings.catch_warnings(): warnings.simplefilter('ignore'); assert [(c.id, len(c)) for c in read_clips(f)] == [(a, 2), (b, 2)] == [(c.id, len(c)) for c in read_clips(tmp_path)]

@pytest.mark.parametrize('names', [['1.jpg', '2.jpg', '3.jpg'], ['v/1.jpg', 'v/2.jpg', 'v/3.jpg'], ['1/rgb.png', '2/rgb.png', '3/rgb.png'], ['2024-01-01_12-00-59.jpg', '2024-01-01_12-01-00.jpg', '2024-01-01_12-02-00.jpg'], ['a1.jpg', 'b2.jpg', 'c3.jpg']])
def test_one_video_stays_one(names, tmp_path): assert len(read_poses(_json(tmp_path/'a.json', _coco(names)))) == 3 == len(read_poses(_json(tmp_path/'b.json', _coco(names, video_id=[4, 4, 4])))) == len(read_poses(_json(tmp_path/'c.json', _plain(_coco(names)))))

@pytest.mark.parametrize('head', [b'\0\0\0 ftypisom', b'\x1aE\xdf\xa3', b'RIFF1234AVI LIST', b'\x89PNG\r\n', b'\xff\xd8\xff\xe0'])
def test_a_film_is_called_one(head, tmp_path): f = tmp_path/'film.mp4'; f.write_bytes(head + bytes(99)); assert 'it is a film or a picture, expected the joints that a pose estimator has found in it' in said(f)

def test_a_joint_set_that_is_said(good):
    assert read_poses(good['openpose'], 'openpose:body25b').joint_set.name == read_poses(good['openpose'], 'body25b').joint_set.name == 'body25b'
    assert np.array_equal(read_poses(good['openpose'], 'body25b').keypoints, read_poses(good['openpose']).keypoints)
    hands, whole = read_poses(good['openpose_hands'], 'openpose:hands42'), read_poses(good['openpose_hands'], 'openpose:wholebody133'); body = read_poses(good['openpose_hands'])
    assert hands.joint_set.name == 'hands42' and np.allclose(hands.keypoints[0, 0, :21], person('hand21')[0][0], atol=.01) and np.allclose(whole.keypoints[0, 0, 91:], hands.keypoints[0, 0])
    assert body.joint_set.name == 'body25' and np.array_equal(whole.keypoints[0, 0, 0], body.keypoints[0, 0, 0]) and not whole.score[..., 23:91].any()

@pytest.mark.parametrize('name, K, to, there', [('halpe26', 26, 'body25b', 25), ('halpe136', 136, 'wholebody133', 133), ('mpii16', 16, 'h36m17', 15)])
def test_lists_that_no_clip_keeps(tmp_path, name, K, to, there):
    from skelalign.joints import LAYOUTS
    a = np.random.default_rng(0).uniform(50, 400, (K, 3)); a[:, 2] = .5; f = _json(tmp_path/'a.json', [dict(image_id='3.jpg', keypoints=a.ravel().tolist(), score=1)])
    p = read_poses(f); at = LAYOUTS[name][0].names.index('left_knee'); assert p.joint_set.name == to and (p.score > 0).sum() == there and np.allclose(p.keypoints[0, 0, p.joint_set.names.index('left_knee')], a[at, :2], atol=1e-3)

def test_a_kinect(tmp_path): # x to its left, y up -> x right, y down
    a = annotation(keypoint=np.random.default_rng(0).normal(size=(2, 4, 25, 3)), keypoint_score=None); a['keypoint'][1] = 0; p = read_poses(_pickle(tmp_path/'ntu.pkl', [a]))
    assert p.joint_set.name == 'h36m17' and p.score.shape == (4, 1, 17) and np.allclose(p.keypoints[:, 0, 0], a['keypoint'][0, :, 0] * (-1, -1, 1), atol=1e-6)

def test_one_of_several(tmp_path):
    a, b = _pickle(tmp_path/'many.pkl', [annotation(), annotation('h36m17')]), save_clips([clip(id='x'), clip(id='y')], tmp_path/'many.npz')
    assert contents(a) == [f'{a}#coco17', f'{a}#h36m17'] and contents(b) == [f'{b}#x', f'{b}#y'] and read_poses(contents(a)[1]).joint_set.name == 'h36m17'
    for path in (a, b, f'{a}#z'):
        with pytest.raises(ValueError, match='it holds 2 performances .* expected one of them behind its name'): read_poses(path)
    f = write_poses(clip(), tmp_path/'one.csv'); assert contents(f) == [str(f)]
    with pytest.raises(ValueError, match='one.csv: it holds one performance'): read_poses(f'{f}#a')

@pytest.mark.parametrize('name', sorted(JOINT_SETS))
@pytest.mark.parametrize('format, suffix', [('openpose', ''), ('coco', '.json'), ('csv', '.csv'), ('npz', '.npz')])
def test_there_and_back(tmp_path, name, format, suffix):
    c = clip(name, time=[3, 4, 7, 9]); c = SkeletonClip(c.keypoints * (c.score > .5)[..., None], c.score * (c.score > .5), c.joint_set, SIZE, 29.97, time=c.time); p = read_poses(write_poses(c, tmp_path/f'v{suffix}'))
    assert np.array_equal(p.keypoints[:, 0], c.keypoints) and np.array_equal(p.score[:, 0], c.score) and p.frames.tolist() == [3, 4, 7, 9] and p.joint_set == c.joint_set and sniff(p.path) == format
    assert format == 'openpose' or (p.frame_size, p.fps) == (SIZE, 29.97)

@few
@given(st.data())
def test_there_and_back_with_anybody_anywhere(tmp_path_factory, data):
    T, P, joints = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 3)), joint_set('coco17'); rng = np.random.default_rng(data.draw(st.integers(0, 99))); d = tmp_path_factory.mktemp('p')
    s = rng.random((T, P, 17)).astype('f') * (rng.random((T, P, 17)) > .3); n = rng.integers(0, P + 1, T); n[0] = P; s *= (np.arange(P) < n[:, None])[..., None] # people stand in the first places
    s[..., 0] = np.maximum(s[..., 0], (np.arange(P) < n[:, None]) * .1); track = np.where(s.any(-1), np.arange(P) if data.draw(st.booleans()) else -1, -1)
    p = Poses(rng.uniform(2, 2000, (T, P, 17, 2)), s, track, np.cumsum(rng.integers(1, 9, T)), joints, (1920, 1080), 60.)
    for suffix in ('', '.json', '.csv', '.npz'):
        q = read_poses(write_poses(p, d/f'v{suffix}'), 'coco17'); assert all(np.array_equal(getattr(p, k), getattr(q, k)) for k in ('keypoints', 'score', 'track', 'frames')), suffix

# --- damage: 35 files, in many ways
def _variants(path: Path, d: Path):
    "Damaged copies of a file, or of one file of a folder."
    inner = sorted(path.iterdir())[1] if path.is_dir() else path; data = inner.read_bytes(); n = 0
    def put(data):
        nonlocal n; n += 1; out = d/f'{n}_{path.name}'
        if path.is_dir(): shutil.copytree(path, out); (out/inner.name).write_bytes(data)
        else: out.write_bytes(data)
        return out
    for name, b in damaged_bytes(data): yield name, put(b)
    if inner.suffix in ('.json', '.csv', '.tsv', '.txt'):
        for name, t in damaged_text(data.decode()): yield name, put(t.encode())
    if inner.suffix == '.json':
        for name, doc in damaged_doc(data.decode()) if len(data) < 20_000 else (): yield name, put(json.dumps(doc).encode())

TRIED = {}
@pytest.mark.parametrize('name', NAMES)
def test_damaged(good, name, tmp_path):
    found = {v: said(path) for v, path in _variants(good[name], tmp_path)}; TRIED[name] = found
    for v in ('cut0', 'cut3', 'cut5', 'noise', 'space'): # nothing of these is poses any more, unless a table or a label file is only shorter
        shorter = good[name].suffix in ('.csv', '.tsv') and v in ('cut3', 'cut5') or name == 'ultralytics_labels' and v in ('cut0', 'space')
        assert found[v] or shorter, (name, v)

def test_enough_were_tried():
    if len(TRIED) < len(NAMES): pytest.skip('only some of the files were damaged in this run')
    n, refused = sum(map(len, TRIED.values())), sum(bool(t) for f in TRIED.values() for t in f.values()); print(f'{n} damaged files, {refused} refused, {n - refused} still whole enough')
    assert n > 1000 and refused > 500

# --- refused, with words that help
def _frames(*numbers): return [dict(frame_id=n, instances=[dict(keypoints=person()[0][0].tolist(), keypoint_scores=[.5] * 17)]) for n in numbers]
def _results(**change): return [dict(image_id=t, category_id=1, keypoints=np.concatenate([person()[0][t], np.ones((17, 1))], 1).ravel().tolist()) | change for t in range(4)]
def _wide(edit=lambda df: df, name='coco17'): df = pd.DataFrame({'frame': range(4)} | {f'{j}_{a}': person(name)[0][:, k, i] for k, j in enumerate(joint_set(name).names) for i, a in enumerate('xy')}); return edit(df)
def _csv(path, df): df.to_csv(path, index=False); return path
def _npz(path, **a): np.savez(path, **dict(keypoints=person()[0]) | a); return path
KP = person()[0]
REFUSED = { # words of the sentence -> the file
    'not whole JSON': lambda d: (d/'a.json', (d/'a.json').write_text('[{"image_id": 1, "keypo'))[0], 'it is empty': lambda d: (d/'a.json', (d/'a.json').write_text(''))[0], 'there is no such file or folder': lambda d: d/'a.json',
    'nobody is seen in any of its 3 frames': lambda d: _json(d/'a.json', [dict(frame_id=i, instances=[]) for i in range(3)]), 'nobody is seen in any of its 1 frames': lambda d: _json(d/'a.json', dict(people=[])), 'nobody is seen in any of its 2 frames': lambda d: [_json(d/'a'/f'{i}.json', dict(people=[])) for i in (1, 2)][0].parent,
    'its people have 19 joints': lambda d: _json(d/'a.json', _results(keypoints=[5., 6., 1.] * 19)), 'cannot be read: it has 52 numbers, expected 3 for each joint': lambda d: _json(d/'a.json', _results(keypoints=[5., 6., 1.] * 17 + [1])), 'has 18 joints in 2 dimensions and 18 scores, expected 17': lambda d: _json(d/'a.json', _results() + _results(keypoints=[5., 6., 1.] * 18)[:1]),
    'NaN, which is no number in JSON': lambda d: (d/'a.json', (d/'a.json').write_text(json.dumps(_results(keypoints=[float('nan')] * 51))))[0], 'the point of joint 3 in frame 0 is [inf, inf]': lambda d: _npz(d/'a.npz', keypoints=np.where(np.arange(17)[:, None] == 3, np.inf, KP), score=np.ones((4, 17))),
    'the point of joint 0 in frame 0 is [inf, 6.0]': lambda d: (d/'a.json', (d/'a.json').write_text(json.dumps(_results(keypoints=[77.5, 6., 1.] * 17)).replace('77.5', '1e999', 1)))[0],
    'frame 3 comes after frame 5': lambda d: _json(d/'a.json', _frames(1, 5, 3)), 'frame 5 comes after frame 5': lambda d: _json(d/'a.json', _frames(1, 5, 5)), 'a frame number is not whole': lambda d: _json(d/'a.json', _frames(0, .5)), 'called by numbers and by names': lambda d: _json(d/'a.json', _frames(0, 'b.jpg')), 'a frame has the number -4': lambda d: _json(d/'a.json', _frames(-4, 1)),
    'a score is 500': lambda d: _json(d/'a.json', _results(keypoints=[5., 6., 500.] * 17)), 'shares of the image': lambda d: _csv(d/'a.csv', _wide(lambda df: df.assign(**{c: df[c] / 1000 for c in df if c != 'frame'}))),
    'its images have 2 sizes': lambda d: _json(d/'a.json', dict(images=[dict(id=i, width=640 + i, height=480) for i in (0, 1)], annotations=_results())), 'somebody is in image 3': lambda d: _json(d/'a.json', dict(images=[dict(id=i, width=640, height=480) for i in range(3)], annotations=_results())), 'it has 2 frame sizes': lambda d: _csv(d/'a.csv', _wide(lambda df: df.assign(width=[640, 640, 640, 320], height=480))),
    'values of fps': lambda d: _csv(d/'a.csv', _wide(lambda df: df.assign(fps=[25, 25, 30, 30]))), "says 'abc' in line 4": lambda d: _csv(d/'a.csv', _wide(lambda df: df.astype(object).where((df.index != 2)[:, None] | (df.columns != 'nose_x'), 'abc'))), 'it has column names and no lines': lambda d: _csv(d/'a.csv', _wide(lambda df: df[:0])), 'comes after frame 3': lambda d: _csv(d/'a.csv', _wide(lambda df: df[::-1])),
    'column person': lambda d: _csv(d/'a.csv', _wide(lambda df: pd.concat([df, df]))), 'column frame has empty cells': lambda d: _csv(d/'a.csv', _wide(lambda df: df.assign(frame=[0, np.nan, 2, 3]))), 'at least three joints': lambda d: _csv(d/'a.csv', pd.DataFrame(dict(frame=[0], ball_x=[1], ball_y=[2]))), 'its columns are': lambda d: _csv(d/'a.csv', pd.DataFrame(dict(time=[0], speed=[1]))), 'comes twice': lambda d: _csv(d/'a.csv', _wide(lambda df: df.assign(NOSE_x=1, NOSE_y=2).rename(columns=dict(NOSE_x='Nose_x', NOSE_y='Nose_y')))),
    'not a table': lambda d: (d/'a.csv', (d/'a.csv').write_text('frame,nose_x\n1,2\n1,2,3,4\n'))[0], 'none of the known formats': lambda d: (d/'a.csv', (d/'a.csv').write_bytes(bytes(range(256))))[0], 'its lines have 9 to 9 numbers': lambda d: (d/'a.txt', (d/'a.txt').write_text('0 .5 .5 .1 .1 .2 .3 .4 .5\n'))[0],
    'a folder without .json and .txt files': lambda d: d, 'have the same frame number': lambda d: openpose(d/'a') and [shutil.copy(f, d/'a'/f'w{f.name}') for f in list((d/'a').iterdir())] and d/'a', 'several formats': lambda d: openpose(d/'a') and _json(d/'a'/'x_9.json', _frames(9)[0]['instances']).parent, 'holds 3 frames and lies in a folder': lambda d: _json(d/'a'/'1.json', _frames(1, 2, 3)).parent,
    'it holds 2 performances': lambda d: save_clips([clip(id='x'), clip(id='y')], d/'a.npz'), 'expected an array keypoints': lambda d: (d/'a.npz', np.savez(d/'a.npz', x=np.zeros(3)))[0], 'keypoints has shape (4, 17)': lambda d: _npz(d/'a.npz', keypoints=np.zeros((4, 17))), 'keypoints has shape (0, 17, 2)': lambda d: _npz(d/'a.npz', keypoints=np.zeros((0, 17, 2))), 'score has shape (4, 16)': lambda d: _npz(d/'a.npz', score=np.ones((4, 16))),
    'frame 1 comes after frame 2': lambda d: _npz(d/'a.npz', frames=[0, 2, 1, 3]), 'have 3 and 4 entries': lambda d: _npz(d/'a.npz', frames=[0, 1, 2]), "unknown joint set 'body26'": lambda d: _npz(d/'a.npz', joint_set='body26'), 'the frame size is': lambda d: _npz(d/'a.npz', frame_size=[0, 480]), 'frames a second': lambda d: _npz(d/'a.npz', fps=-1.), 'Object arrays': lambda d: (d/'a.npz', np.savez(d/'a.npz', keypoints=np.array([dict(a=1)], object)))[0],
    'not a whole Penn Action label file': lambda d: (d/'a.mat', (d/'a.mat').write_bytes(b'MATLAB 5.0 MAT-file' + bytes(200)))[0], 'a frame is': lambda d: _json(d/'a.json', [7, 8]), 'expected frames, people or annotations': lambda d: _json(d/'a.json', dict(a=1)), 'not everything in it is a number': lambda d: _json(d/'a.json', _results(keypoints=[5, 'x', 1.] * 17)), 'a frame has the keys': lambda d: _json(d/'a.json', [dict(a=1)]), 'of another kind than in pose files': lambda d: (d/'a.json', (d/'a.json').write_text('[' * 100_000))[0]}

@pytest.mark.parametrize('words', REFUSED)
def test_refused(words, tmp_path): path = REFUSED[words](tmp_path); text = said(path, frame_size=None); assert words in text, text or 'read'

@pytest.mark.parametrize('case', PICKLES)
def test_pickles(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path); text = said(_pickle(tmp_path/'a.pkl', PICKLES[case]())); assert text and not (tmp_path/'ran').exists()
    for name, word in (('class', 'pose_files.Foreign'), ('objects', 'pose_files.Foreign'), ('command', 'system'), ('function', 'getcwd'), ('path', 'pathlib')): assert name != case or 'it asks for' in text and word in text and 'expected nothing but NumPy arrays' in text

@pytest.mark.parametrize('protocol', range(2, 6))
def test_pickles_of_every_protocol(tmp_path, protocol):
    f = tmp_path/'a.pkl'; f.write_bytes(pickle.dumps([annotation(extra=dict(a={1, 2}, b=(1., 'x', None), c=np.float32(3)))], protocol)); assert not said(f)

def test_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(poses, 'MOST_BYTES', 20_000); f = tmp_path/'bomb.npz'; np.savez_compressed(f, keypoints=np.zeros((4000, 17, 2)))
    assert f.stat().st_size < 20_000 and 'bytes, expected at least 1 and at most 20000' in said(f) # measured before it is unpacked
    for name in ('a.json', 'a.pkl', 'a.csv', 'a.npy'): (tmp_path/name).write_bytes({'a.pkl': b'\x80', 'a.npy': b'\x93NUMPY'}.get(name, b'[') + b' ' * 30_000 + b'1'); assert 'it has 3000' in said(tmp_path/name)
    monkeypatch.setattr(poses, 'MOST_BYTES', 2**31); monkeypatch.setattr(poses, 'MOST_NUMBERS', 1000); assert 'expected at most 1000 numbers' in said(_json(tmp_path/'crowd.json', _results() * 20))
    f = tmp_path/'liar.npy'; f.write_bytes(b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 17, 2), }".ljust(117) + b'\n' + bytes(16)); assert said(f)
    with zipfile.ZipFile(tmp_path/'liar.npz', 'w') as z: z.writestr('keypoints.npy', (tmp_path/'liar.npy').read_bytes())
    assert said(tmp_path/'liar.npz')

# --- fuzz
@few
@given(st.sampled_from(NAMES), st.floats(0, 1), st.integers(0, 40), st.binary(max_size=20))
def test_fuzz_bytes(good, tmp_path_factory, name, at, cut, put):
    path, d = good[name], tmp_path_factory.mktemp('f'); out = d/path.name
    if path.is_dir(): shutil.copytree(path, out); inner = sorted(out.iterdir())[0]
    else: inner = out; shutil.copy(path, out)
    data = inner.read_bytes(); i = int(at * len(data)); inner.write_bytes(data[:i] + put + data[i + cut:]); said(out)

KEYS = st.sampled_from(['people', 'instances', 'keypoints', 'frame_id', 'image_id', 'pose_keypoints_2d', 'keypoint_scores', 'annotations', 'images', 'id', 'width', 'height', 'x', 'y', 'visibility', 'track_id', 'idx', 'categories', 'meta_info', 'instance_info', 'predictions', 'frames', 'file_name', 'info', 'fps', 'hand_left_keypoints_2d', 'landmarks', 'odd', 'video_id', 'vid_id', 'videos'])
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-3, 700), st.floats(allow_nan=False), st.text(max_size=4), st.lists(st.floats(0, 500), min_size=51, max_size=51))
@settings(few, max_examples=200)
@given(st.recursive(LEAVES, lambda v: st.one_of(st.lists(v, max_size=4), st.dictionaries(KEYS, v, max_size=4)), max_leaves=25))
def test_fuzz_json(tmp_path_factory, doc): f = tmp_path_factory.mktemp('f')/'doc.json'; f.write_text(json.dumps(doc)); said(f)

CELLS = st.one_of(st.floats(allow_infinity=True), st.integers(-9, 10**20), st.text(max_size=5), st.none())
@settings(few, max_examples=60)
@given(st.lists(st.sampled_from(['frame', 'person', 'joint', 'x', 'y', 'z', 'score', 'nose_x', 'nose_y', 'left_hip_x', 'left_hip_y', 'right_hip_x', 'right_hip_y', 'nose_score', 'width', 'height', 'fps', 'x0', 'y0', 'keypoints', 'odd']), min_size=1, max_size=9), st.integers(0, 4), st.data())
def test_fuzz_csv(tmp_path_factory, columns, n, data):
    f = tmp_path_factory.mktemp('f')/'t.csv'
    with open(f, 'w', newline='') as out: csv.writer(out).writerows([columns] + [[data.draw(CELLS) for _ in columns] for _ in range(n)])
    said(f)

@settings(few, max_examples=100)
@given(st.fixed_dictionaries(dict(keypoints=arrays(st.sampled_from([np.float32, np.float64, np.int64, np.uint8, bool]), st.one_of(array_shapes(max_dims=5, max_side=4), st.just((3, 17, 2)), st.just((2, 1, 13, 3))))),
                             optional=dict(score=arrays(np.float64, st.sampled_from([(3, 17), (2, 1, 13), (3,)])), frames=arrays(st.sampled_from([np.int64, np.float32]), st.integers(0, 4)), frame_size=arrays(np.int64, st.integers(0, 3)), fps=arrays(np.float64, st.sampled_from([(), (2,)])), joint_set=st.sampled_from(['coco17', 'x', 7]), track=arrays(np.float32, st.sampled_from([(3, 1), (2,)])))))
def test_fuzz_npz(tmp_path_factory, a): f = tmp_path_factory.mktemp('f')/'a.npz'; np.savez(f, **a); said(f)

# --- speed, real files, guesses
def test_a_long_folder_is_read_in_seconds(tmp_path):
    import time
    one = write_poses(clip('body25', T=10), tmp_path/'one'); texts = [f.read_bytes() for f in sorted(one.iterdir())]; d = tmp_path/'long'; d.mkdir()
    for i in range(2000): (d/f'v_{i:012d}_keypoints.json').write_bytes(texts[i % 10])
    start = time.process_time(); p = read_poses(d); took = time.process_time() - start
    assert len(p) == 2000 and np.array_equal(p.keypoints[-1], p.keypoints[9]) and took < 5, f'{took:.1f} s'

DEMO = Path(os.environ.get('SKELALIGN_DATA', '/nowhere'))/'Pose2Sim_demo'/'pose'
@pytest.mark.skipif(not DEMO.exists(), reason='SKELALIGN_DATA holds no Pose2Sim_demo')
def test_real_openpose_files():
    for cam, P in (('cam01', 3), ('cam02', 2), ('cam03', 1), ('cam04', 1)):
        p = read_poses(DEMO/f'{cam}_json'); assert (len(p), p.score.shape[1], p.joint_set.name, p.frame_size) == (100, P, 'body25b', None)
        for f in sorted((DEMO/f'{cam}_json').iterdir())[::20]: assert read_poses(f).joint_set.name == 'body25b' # one frame is enough
    raw = json.loads((DEMO/'cam03_json'/'cam03.0042.json').read_text())['people'][0]['pose_keypoints_2d']; assert np.array_equal(read_poses(DEMO/'cam03_json').keypoints[42, 0, :, 0], np.float32(raw[::3]) * (np.float32(raw[2::3]) > 0))

PENN = DEMO.parent.parent/'Penn_Action'/'labels'
@pytest.mark.skipif(not PENN.exists(), reason='SKELALIGN_DATA holds no Penn_Action')
def test_real_penn_files():
    from skelalign.datasets import penn_action
    clips = {c.id: c for c in penn_action(labelled=True)}; c = next(iter(clips.values())); p = read_poses(PENN/f'{c.id}.mat')
    assert np.array_equal(p.score[:, 0], c.score) and np.array_equal(p.keypoints[:, 0][c.score > 0], c.keypoints[c.score > 0]) and p.frame_size == c.frame_size

def test_guessed_joints_are_near():
    "Derived joints of simulated people, in units of the trunk."
    from skelalign.joints import convert_points
    from skelalign.clip import JointSet
    from skelalign.simulate import ACTIONS, POINTS, simulate
    x = np.concatenate([p.motion.points for a in ACTIONS for p in simulate(a, 1, 0, 'train')]); at = POINTS.index; trunk = np.linalg.norm(x[:, at('neck')] - x[:, at('pelvis')], axis=-1)
    def off(target, *source): y, _ = convert_points(x[:, [at(n) for n in source]], np.ones((len(x), len(source))), JointSet('', source, (), ()), JointSet('', (target,), (), ())); return np.median(np.linalg.norm(y[:, 0] - x[:, at(target)], axis=-1) / trunk)
    both = lambda *parts: [f'{s}_{p}' for p in parts for s in ('left', 'right')]
    assert off('pelvis', *both('hip')) < 1e-6 and off('neck', *both('shoulder')) < .1 and off('head', *both('ear', 'shoulder')) < .15 and off('nose', *both('eye')) < .15
    assert off('nose', 'head', *both('shoulder')) < .3 and off('head', 'nose', *both('shoulder')) < .4
