"Whatever is wrong with what is given is said in one sentence that names what was expected."
from dataclasses import replace
import numpy as np, pytest, torch
from skelalign.augment import augment, two_views
from skelalign.clip import COCO17, PENN13, SkeletonClip, collate, take
from skelalign.fusion import build_encoder
from skelalign.heatmap import HeatmapTokens, heatmaps, joint_heatmaps, limb_heatmaps
from skelalign.losses import LOSSES
from skelalign.protocols import corrupt_clips, evaluate, get_protocol
from skelalign.sample import fold_seed
from skelalign.simulate import simulate, simulated_dataset
from skelalign.training import fit_method
from skelalign.baselines import resolve

GOOD = dict(keypoints=np.random.default_rng(0).uniform(0, 200, (6, 13, 2)), score=np.ones((6, 13)), joint_set=PENN13, frame_size=(320, 240), id='c1', action='squat', phases=[0, 0, 0, 1, 1, 1])
def clip(**change): return SkeletonClip(**GOOD | change)
CLIP = clip(); DARK = clip(score=np.zeros((6, 13)), id='dark'); COCO = SkeletonClip(np.zeros((6, 17, 2)), np.ones((6, 17)), COCO17, (320, 240), id='coco')
SEEN, SCORE = torch.zeros(1, 6, 13, 2), torch.ones(1, 6, 13)
Z, T, V = torch.zeros(2, 5, 8), torch.arange(5.).expand(2, 5), torch.ones(2, 5, dtype=torch.bool)
QUICK = dict(optim=dict(steps=1, batch=2)); fit = lambda method='coordinates', clips=(CLIP, replace(CLIP, id='c2')), **o: fit_method(method, list(clips), overrides=QUICK | o, progress=False)
encoder = lambda **change: build_encoder(PENN13, resolve('heatmap')['encoder'] | change)

CASES = { # what is done: (the call, words of the sentence)
    'shape of keypoints': (lambda: clip(keypoints=np.zeros((6, 12, 2))), 'expected (T>0, 13, 2 or 3)'),
    'shape of scores': (lambda: clip(score=np.ones((6, 12))), 'expected (6, 13)'),
    'length 0': (lambda: clip(keypoints=np.zeros((0, 13, 2)), score=np.zeros((0, 13)), phases=None), 'expected (T>0, 13, 2 or 3)'),
    'nothing left of a clip': (lambda: take(CLIP, []), 'no frame is left'),
    'score above 1': (lambda: clip(score=np.full((6, 13), 1.5)), 'score must lie in [0, 1], found 1.5'),
    'score below 0': (lambda: clip(score=np.full((6, 13), -.1)), 'score must lie in [0, 1]'),
    'score above 1, drawn': (lambda: joint_heatmaps(SEEN, 2 * SCORE), '[0, 1]'),
    'score above 1, tokens': (lambda: HeatmapTokens(13, 8)(SEEN, 2 * SCORE), '[0, 1]'),
    'shapes, drawn': (lambda: joint_heatmaps(SEEN, SCORE[..., :12]), 'expected (..., k, 2) and (..., k)'),
    'limbs without edges': (lambda: heatmaps(SEEN, SCORE, kind='limb'), 'edges'),
    'a limb of no joint': (lambda: limb_heatmaps(SEEN, SCORE, ((0, 13),)), '13'),
    'kind of heatmap': (lambda: heatmaps(SEEN, SCORE, PENN13.edges, kind='bones'), "'bones'"),
    'patch': (lambda: HeatmapTokens(13, 8, size=56, patch=9), '9'),
    'two joint sets in a batch': (lambda: collate([CLIP, COCO]), 'one joint set'),
    'another joint set than trained on': (lambda: fit()([COCO]), 'penn13'),
    'no clip': (lambda: fit(clips=()), 'no training clip was given'),
    'all missing, training': (lambda: fit(clips=(CLIP, DARK)), 'clip dark: no joint is seen in any of its 6 frames; expected at least one'),
    'all missing, embedding': (lambda: fit()([DARK]), 'clip dark: no joint is seen'),
    'rgb that is not there': (lambda: fit('rgb'), 'rgb'),
    'method': (lambda: fit('heatmapp'), "unknown method 'heatmapp'; expected one of"),
    'setting': (lambda: fit(encoder=dict(widht=3)), "unknown parameter 'widht' of coordinates.encoder; expected one of"),
    'loss': (lambda: fit(loss=dict(name='magic')), "unknown loss 'magic'; expected one of"),
    'input': (lambda: encoder(input='pixels'), "'pixels'; expected one of"),
    'attention': (lambda: encoder(attention='global'), "'global'; expected one of"),
    'position': (lambda: encoder(position='learned'), "'learned'; expected one of"),
    'readout': (lambda: encoder(stem=dict(readout='max')), "'max'; expected one of"),
    'fusion': (lambda: encoder(fusion=dict(form='middle')), "'middle'; expected one of"),
    'heads': (lambda: encoder(heads=3), '3'),
    'space in one token': (lambda: encoder(input='coordinates', stem={}), "expected attention 'temporal' or 'spatial'"),
    'embeddings of a loss': (lambda: LOSSES['lav'](Z[0], Z, T, T, V, V), 'expected (b t d)'),
    'setting of a loss': (lambda: LOSSES['tcc'](Z, Z, T, T, V, V, tau=0.), 'tau'),
    'head of a loss': (lambda: LOSSES['sal'](Z, Z, T, T, V, V), 'head'),
    'strength': (lambda: augment(collate([CLIP]), fold_seed(0, torch.arange(1)), wobble=1.), "unknown strength 'wobble'"),
    'size of a strength': (lambda: augment(collate([CLIP]), fold_seed(0, torch.arange(1)), joint_drop=2.), 'joint_drop is 2.0, expected a number from 0 to 1'),
    'seeds': (lambda: two_views(collate([CLIP]), torch.arange(1), 3), 'expected an int64 tensor'),
    'protocol': (lambda: get_protocol('casa@cut'), "unknown protocol 'casa@cut'; expected one of"),
    'corruption': (lambda: get_protocol('casa@full+mising=0.4'), "corruption is 'mising', expected one of"),
    'corruption of clips': (lambda: corrupt_clips([CLIP], 'mising', .4), "unknown corruption 'mising'; expected one of"),
    'no phases': (lambda: evaluate(lambda c: [], [CLIP], [clip(id='c9', phases=None)], 'casa@full'), 'clip c9 has no phases'),
    'embeddings that are not numbers': (lambda: evaluate(lambda cs: [np.full((len(c), 4), np.nan) for c in cs], [CLIP], [clip(id='c9')], 'casa@full'), 'is not finite at frame 0'),
    'action': (lambda: simulate('sqat'), "unknown action 'sqat'; expected one of"),
    'style': (lambda: simulated_dataset(n_train=1, n_val=1, wobbel=2), "unknown style parameter 'wobbel'; expected some of"),
}
@pytest.mark.parametrize('case', CASES)
def test_one_sentence(case):
    call, words = CASES[case]
    with pytest.raises(ValueError) as said: call()
    text = str(said.value); assert words in text and '\n' not in text and len(text) < 700, text

def test_the_same_with_nothing_wrong():
    "None of the sentences is said to good input."
    (z,), other = fit()([CLIP]), fit('heatmap')([CLIP])
    assert z.shape == other[0].shape == (6, 128) and np.isfinite(z).all()
    dim = clip(score=np.where(np.arange(13) == 3, .2, 0) * np.ones((6, 1)), id='dim'); assert np.isfinite(fit('heatmap')([dim])[0]).all(), 'one joint is enough'
