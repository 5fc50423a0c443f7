"Two real processes that train together say and learn what one process alone does."
import json, os, subprocess, sys
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
import numpy as np, pytest, torch
from skelalign import training
from skelalign.simulate import simulated_dataset

STEPS, HALF = 6, 3
def case(method, batch, accumulate=1, precision='float32', encoder={}, **more): # method, overrides
    return method, {'encoder': dict(depth=1, width=64) | encoder, 'optim': dict(steps=STEPS, batch=batch, accumulate=accumulate, precision=precision), 'views': dict(frames=16)} | more
CASES = {
    'even':       case('heatmap', 6),
    'odd':        case('heatmap', 5), # shares of 3 and 2
    'accumulate': case('heatmap', 5, 2), # parts of 3 and 2, shares of 2, 1 and 1, 1
    'one row':    case('coordinates', 1), # nothing is left for the second process
    'supervised': case('supervised', 5), # a part of the encoder gets no gradient
    'head':       case('sal', 5), # a part above the embeddings gets one
    'partner':    case('gta', 5, loss=dict(name='gta', partner=1)), # the loss looks at another clip of the batch
    'late':       case('heatmap_rgb_late', 3, encoder=dict(fusion=dict(stream='features', dropout=0.))), # two losses
    'bfloat16':   case('coordinates', 4, precision='bfloat16')}
KILLED = {'two, then one': case('coordinates', 5), 'one, then two': case('coordinates', 5)} # after HALF the steps

@cache
def clips(seed=0):
    chance = np.random.default_rng(seed)
    return [replace(c, features=chance.normal(size=(len(c), 4)).astype(np.float32)) for c in simulated_dataset(['squat', 'jumping_jack'], n_train=4, n_val=0, seed=seed)]

class Killed(Exception): pass
def fit(name, folder, killed=False, **more):
    "Losses of all steps, unrounded; frames seen and weights, unless it was killed."
    (method, overrides), said, step, rate = (CASES | KILLED)[name], [], training._step, training.learning_rate
    def kills(now, *rest):
        if now == HALF: raise Killed
        return rate(now, *rest)
    args = dict(clips=clips(), seed=2, overrides=overrides, device='cpu', progress=False, checkpoint=Path(folder)/f'{name}.safetensors', every=0) | more
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, '_step', lambda run: said.append(step(run)) or said[-1])
        if killed: patch.setattr(training, 'learning_rate', kills)
        try: model = training.fit_method(method, **args)
        except Killed: return dict(losses=said)
    return dict(losses=said, frames=round(model.log['frames_per_second'] * model.log['seconds']), weights=torch.cat([w.flatten() for w in model.encoder.state_dict().values()]).tolist())

def refused(**args): # the sentence
    with pytest.raises(ValueError) as e: fit('even', '.', checkpoint=None, **args)
    return str(e.value)

if __name__ == '__main__': # one of the two processes
    folder, rank = Path(sys.argv[1]), int(os.environ['RANK'])
    found = {name: fit(name, folder) for name in CASES} | {'two, then one': fit('two, then one', folder, killed=True), 'one, then two': fit('one, then two', folder)}
    found['refused'] = [refused(seed=rank), refused(clips=clips(rank)), refused(clips=clips()[::1 - 2 * rank]), refused(device='cuda:1')]
    (folder/f'{rank}.json').write_text(json.dumps(found)); sys.exit()

@pytest.fixture(scope='module')
def two(tmp_path_factory):
    "A folder with their checkpoints, and what each of the two found."
    if find_spec('accelerate') is None: pytest.skip('accelerate is not installed')
    folder = tmp_path_factory.mktemp('two'); fit('one, then two', folder, killed=True)
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2', __file__, str(folder)]
    done = subprocess.run(command, env=os.environ | dict(OMP_NUM_THREADS='1', MKL_NUM_THREADS='1'), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, *(json.loads((folder/f'{rank}.json').read_text()) for rank in (0, 1))

def same(a, b, loose=1): # of single weights some have no gradient but rounding (biases of keys), which Adam blows up: the norm it is
    np.testing.assert_allclose(a['losses'], b['losses'], rtol=1e-5 * loose)
    w, v = np.array(a['weights']), np.array(b['weights']); assert np.linalg.norm(w - v) < 1e-5 * loose * np.linalg.norm(v)

@pytest.mark.parametrize('name', CASES)
def test_two_are_one(two, tmp_path, name):
    _, first, second = two; alone = fit(name, tmp_path)
    assert first[name] == second[name], 'both end with the same bits'
    assert len(alone['losses']) == STEPS and first[name]['frames'] == alone['frames'] > 0
    same(first[name], alone, 300 if name == 'bfloat16' else 1) # 8 bits of mantissa instead of 24

def test_one_resumes_what_two_began(two, tmp_path):
    folder, first, second = two; began, file = first['two, then one']['losses'], folder/'two, then one.safetensors'
    assert len(began) == training.load_checkpoint(file)[1]['step'] == HALF and began == second['two, then one']['losses']
    rest, alone = fit('two, then one', folder), fit('two, then one', tmp_path)
    assert len(rest['losses']) == STEPS - HALF; same(rest | dict(losses=began + rest['losses']), alone)

def test_two_resume_what_one_began(two, tmp_path):
    _, first, second = two; rest, alone = first['one, then two'], fit('one, then two', tmp_path)
    assert rest == second['one, then two'] and len(rest['losses']) == STEPS - HALF
    same(rest | dict(losses=alone['losses'][:HALF] + rest['losses']), alone)

def test_one_process_writes(two):
    names = sorted(p.name for p in two[0].iterdir())
    assert names == sorted(['0.json', '1.json'] + [f'{n}.safetensors' for n in CASES | KILLED]), 'nothing half-written is left'

def test_processes_that_differ_are_refused(two):
    for found in two[1:]:
        for sentence, words in zip(found['refused'], ('differ in their seed', 'differ in their clips', 'differ in their clips', "device is 'cuda:1'"), strict=True): assert words in sentence

def test_alone_accelerate_is_not_imported():
    code = "import sys; from test_multiprocess import fit, CASES; fit('one row', '.', checkpoint=None); assert 'accelerate' not in sys.modules"
    subprocess.run([sys.executable, '-c', code], cwd=Path(__file__).parent, check=True)
