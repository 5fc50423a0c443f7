"Small files in the layout of each tool, and ways to damage them."
import json, os, pickle, re
from collections import OrderedDict
from pathlib import Path
import numpy as np, pandas as pd
from scipy.io import savemat
from skelalign.clip import SkeletonClip, joint_set, save_clips
from skelalign.joints import convert_points
from skelalign.poses import write_poses
from skelalign.simulate import simulate

SIZE = 640, 480
def person(name='coco17', T=4, action='tennis_serve', seed=0):
    "Points (T K 2) and scores (T K) of a simulated person, every joint of the set somewhere near the body."
    c = next(p.clip for p in simulate('overhead_throw', 1, seed, 'train')); joints = joint_set(name)
    kp, s = convert_points(c.keypoints[5:5 + T], c.score[5:5 + T], c.joint_set, joints); rng = np.random.default_rng(seed)
    kp = np.where((s > 0)[..., None], kp, c.keypoints[c.score > 0].mean(0) + rng.normal(size=kp.shape) * 5); return kp.astype(np.float32).round(2), rng.uniform(.3, 1, s.shape).astype(np.float32).round(3)

def clip(name='coco17', dims=2, T=4, **fields):
    kp, s = person(name, T); kp = np.concatenate([kp, kp[..., :1] / 50], -1)[..., :dims]
    return SkeletonClip(kp, s, joint_set(name), SIZE, 25., **dict(id=name) | fields)

def _json(path, doc): path.parent.mkdir(parents=True, exist_ok=True); path.write_text(json.dumps(doc)); return path
def _triples(name, t, shift=0): kp, s = person(name); return np.concatenate([kp[t] + shift, s[t][:, None]], -1)
def _two(name='coco17', T=4): # [[(person number, (K 3))]] of each frame; the second person is away in frame 1
    return [[(p, _triples(name, t, 60 * p).astype(float)) for p in (0, 1) if (t, p) != (1, 1)] for t in range(T)]

def openpose(d, name='body25', hands=False, three=False):
    for t, people in enumerate(_two(name)):
        part = lambda n: [0.] * 0 if not hands else (_triples('hand21', t) + n).ravel().tolist()
        deep = lambda a: np.insert(a, 2, 3.5, axis=1).ravel().tolist()
        _json(d/f'v_{t:012d}_keypoints.json', dict(version=1.3, people=[dict(person_id=[-1], pose_keypoints_2d=[] if three else a.ravel().tolist(), face_keypoints_2d=[], hand_left_keypoints_2d=part(0), hand_right_keypoints_2d=part(9), pose_keypoints_3d=deep(a) if three else []) for _, a in people]))
    return d

def labels(d):
    d.mkdir()
    for t, people in enumerate(_two()): (d/f'v_{t + 1}.txt').write_text(''.join(f'0 0.5 0.5 0.2 0.4 {" ".join("%g" % v for v in (a / (*SIZE, 1)).ravel())} 0.87 {p + 1}\n' for p, a in people))
    return d

def _pickle(path, doc):
    with open(path, 'wb') as f: pickle.dump(doc, f)
    return path

def annotation(name='coco17', **change):
    kp, s = person(name); return dict(frame_dir=name, total_frames=len(kp), img_shape=SIZE[::-1], original_shape=SIZE[::-1], label=0, keypoint=kp[None].astype(np.float16), keypoint_score=s[None].astype(np.float16)) | change

def table_long(people, share=False, **names):
    rows = [dict(frame=t, person=p, joint=names.get('joint', joint_set('coco17').names)[k], x=x, y=y, score=s) for t, f in enumerate(people) for p, a in f for k, (x, y, s) in enumerate(a / (*SIZE, 1) if share else a)]
    return pd.DataFrame(rows)

def good_files(d):
    "{name: path} of whole files, one or more for each format."
    d = Path(d); frames = _two(); flat = lambda a: a.ravel().tolist(); people = lambda f: [[f(t, p, a) for p, a in frame] for t, frame in enumerate(frames)]; every = lambda f: [v for frame in people(f) for v in frame]
    mm = people(lambda t, p, a: dict(keypoints=a[:, :2].tolist(), keypoint_scores=a[:, 2].tolist(), bbox=[[0., 0., 9., 9.]], bbox_score=.9)); yolo = lambda t, p, a: dict(name='person', confidence=.9, track_id=p + 1, box=dict(x1=0, y1=0), keypoints=dict(zip(('x', 'y', 'visible'), a.T.tolist())))
    blaze = np.concatenate([*person('mediapipe33')[:1], person('mediapipe33')[1][..., None]], -1) / (*SIZE, 1); marks = [[dict(x=float(x), y=float(y), z=-.1, visibility=float(s)) for x, y, s in f] for f in blaze]
    wide = pd.DataFrame([{'frame': t} | {f'{axis}{k}': v for k, j in enumerate(f) for axis, v in zip('xyv', j)} for t, f in enumerate(blaze)])
    (d/'mm').mkdir(parents=True); [_json(d/'mm'/f'{t:06d}.json', f) for t, f in enumerate(mm)]; (d/'yolo').mkdir(); [_json(d/'yolo'/f'frame_{t}.json', f) for t, f in enumerate(people(yolo))]
    table_long(frames).to_csv(d/'long.csv', index=False); table_long([f[:1] for f in frames]).drop(columns='person').to_csv(d/'long.tsv', index=False, sep='\t'); wide.to_csv(d/'blaze.csv', index=False)
    pd.DataFrame([dict(frame=t) | v | dict(keypoints=repr(v['keypoints'])) for t, f in enumerate(people(yolo)) for v in f]).to_csv(d/'yolo.csv', index=False)
    savemat(d/'0001.mat', dict(x=clip('penn13').keypoints[..., 0], y=clip('penn13').keypoints[..., 1], visibility=np.ones((4, 13)), train=1, action='pushup', pose='left', dimensions=np.array([480, 640, 4]), nframes=4))
    kp, s = person('coco17'); np.savez(d/'plain.npz', keypoints=kp, score=s, frame_size=SIZE, fps=25.); np.savez(d/'deep.npz', keypoints_3d=np.concatenate([kp, kp[..., :1]], -1)[:, None] / 100, joint_set='coco17'); np.save(d/'plain.npy', np.concatenate([kp, s[..., None]], -1))
    return dict(openpose=openpose(d/'openpose'), openpose_b=openpose(d/'body25b', 'body25b'), openpose_18=openpose(d/'coco18', 'coco18'), openpose_hands=openpose(d/'hands', hands=True), openpose_3d=openpose(d/'deep', three=True), openpose_one=_json(d/'one_7_keypoints.json', dict(people=[dict(pose_keypoints_2d=flat(_triples('body25', 0)))])),
        coco=write_poses(clip(), d/'coco.json'), whole=write_poses(clip('wholebody133'), d/'whole.json'), results=_json(d/'results.json', every(lambda t, p, a: dict(image_id=t, category_id=1, keypoints=flat(a), score=.9))),
        annotations=_json(d/'annotations.json', dict(images=[dict(id=t + 5, file_name=f'f_{t:06d}.PNG', width=640, height=480) for t in range(4)], categories=[dict(id=1, keypoints=list(joint_set('coco17').names))], annotations=every(lambda t, p, a: dict(id=9 * t + p, image_id=t + 5, track_id=p, keypoints=flat(np.concatenate([a[:, :2], 2 + 0 * a[:, 2:]], 1)))))),
        alphapose=_json(d/'alphapose.json', every(lambda t, p, a: dict(image_id=f'{t}.jpg', category_id=1, keypoints=flat(a), score=2.9, box=[0, 0, 9, 9], idx=[p + 1]))), openpose_alphapose=_json(d/'open.json', {f'{t}.jpg': dict(version=.1, people=[dict(pose_keypoints_2d=flat(a)) for _, a in f]) for t, f in enumerate(_two('coco18'))}),
        mmpose=_json(d/'mmpose.json', dict(meta_info=dict(keypoint_id2name={str(i): n for i, n in enumerate(joint_set('coco17').names)}), instance_info=[dict(frame_id=t + 1, instances=f) for t, f in enumerate(mm)])), mmpose_list=_json(d/'mm.json', [dict(frame_id=t, instances=f) for t, f in enumerate(mm)]), mmpose_folder=d/'mm',
        mmpose_call=_json(d/'call.json', dict(predictions=mm)), ultralytics=_json(d/'yolo.json', people(yolo)), ultralytics_folder=d/'yolo', ultralytics_labels=labels(d/'labels'), ultralytics_csv=d/'yolo.csv',
        mediapipe=_json(d/'blaze.json', [dict(frame=t, pose_landmarks=[f]) for t, f in enumerate(marks)]), mediapipe_plain=_json(d/'marks.json', marks), mediapipe_csv=d/'blaze.csv',
        pyskl=_pickle(d/'pyskl.pkl', dict(split=dict(train=['coco17']), annotations=[annotation()])), pyskl_list=_pickle(d/'list.pickle', [annotation('h36m17')]), penn=d/'0001.mat', csv_long=d/'long.csv', csv_tabs=d/'long.tsv', csv=write_poses(clip('h36m17'), d/'wide.csv'), csv_3d=write_poses(clip('h36m17', 3), d/'deep.csv'),
        npz=d/'plain.npz', npz_3d=d/'deep.npz', npy=d/'plain.npy', npz_own=write_poses(clip('body25'), d/'own.npz'), skelalign=(save_clips([clip()], d/'clips.npz')))

# --- damage
def damaged_bytes(data: bytes):
    "(name, bytes): what happens to files on their way."
    n = len(data); zero = bytearray(data); zero[n // 2:n // 2 + 16] = bytes(len(zero[n // 2:n // 2 + 16])); flip = bytearray(data); flip[n // 3] ^= 0x40; middle = bytearray(data); del middle[n // 2:n // 2 + 7]
    yield from ((f'cut{k}', data[:n * k // 10]) for k in (0, 1, 3, 5, 7, 9)); yield 'cut1', data[:-1]
    yield from (('zeros', bytes(zero)), ('flip', bytes(flip)), ('hole', bytes(middle)), ('twice', data + data), ('noise', np.random.default_rng(0).bytes(300)), ('space', b' \n'))

WORDS = ('NaN', 'null', '"abc"', '1e999', '-7', '[]', '{}', 'true', '1e300', '""')
def damaged_text(text: str, number=r'(?<=[ \[:,])-?\d+\.\d+(?=[,\]} ])'):
    "(name, text): one number replaced."
    at = [m.span() for m in re.finditer(number, text)]
    for w in WORDS if at else ():
        a, b = at[len(at) // 2]; yield w, text[:a] + w + text[b:]

def _places(doc, path=()):
    yield path
    if isinstance(doc, (dict, list)) and len(path) < 6:
        items = list(doc.items() if isinstance(doc, dict) else enumerate(doc))
        for k, v in items[:1] if isinstance(doc, list) else items: yield from _places(v, path + (k,))

def damaged_doc(text: str):
    "(name, document): every kind of place loses its value or gets another."
    for path in list(_places(json.loads(text)))[1:]:
        for name, new in (('gone', 0), ('null', None), ('word', 'x')):
            out = at = json.loads(text)
            for k in path[:-1]: at = at[k]
            if name == 'gone': del at[path[-1]]
            else: at[path[-1]] = new
            yield f'{"/".join(map(str, path))}={name}', out

class Foreign: # a class that no reader of poses should make
    def __init__(self): self.keypoint = 1
class Runs: # what a pickle may do while it is read
    def __reduce__(self): return os.system, ('echo trusted > ran',)
PICKLES = {'class': lambda: [annotation(keypoint=Foreign())], 'command': lambda: [annotation(keypoint=Runs())], 'function': lambda: [annotation(keypoint=os.getcwd)], 'path': lambda: [annotation(frame_dir=Path('x'))], 'objects': lambda: [annotation(keypoint=np.array([Foreign()], object))],
    'no list': lambda: dict(a=1), 'empty': lambda: [], 'number': lambda: 7, 'no keypoint': lambda: [dict(frame_dir='a')], 'flat': lambda: [annotation(keypoint=np.zeros(5))], 'frames': lambda: [annotation(total_frames=9)], 'scores': lambda: [annotation(keypoint_score=np.ones((1, 4, 3)))],
    'NaN': lambda: [annotation(keypoint=np.full((1, 4, 17, 2), np.nan))], 'joints': lambda: [annotation(keypoint=np.ones((1, 4, 19, 2)), keypoint_score=np.ones((1, 4, 19)))], '0 frames': lambda: [annotation(keypoint=np.ones((1, 0, 17, 2)), keypoint_score=np.ones((1, 0, 17)), total_frames=0)], 'two': lambda: [annotation(), annotation('h36m17')], 'ordered': lambda: [OrderedDict(a=1)]}
