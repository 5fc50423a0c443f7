"Four films of one performance, their OpenPose joints, and a model of both streams. Runs where SKELALIGN_DATA has the Pose2Sim demonstration."
import json, os
from dataclasses import replace
from pathlib import Path
import numpy as np, pytest
from skelalign.clip import PENN13, SkeletonClip
from skelalign.render import simulated_videos
from skelalign.training import fit_method
from skelalign.video import attach_rgb, video_info

DEMO = Path(os.environ.get('SKELALIGN_DATA') or 'no such folder')/'Pose2Sim_demo'
BODY_25B = [18, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16] # where penn13's joints are: top of the head, then left and right in turn

def read(view):
    "A clip of the largest person of each frame."
    people = [[np.reshape(p['pose_keypoints_2d'], (-1, 3)) for p in json.loads(f.read_text())['people']] for f in sorted((DEMO/'pose'/f'{view}_json').glob('*.json'))]
    body = np.stack([max(frame, key=lambda p: np.ptp(p[p[:, 2] > 0, 1])) for frame in people])[:, BODY_25B]
    video = DEMO/'videos'/f'{view}.mp4'; info = video_info(video)
    return SkeletonClip(body[..., :2], body[..., 2], PENN13, info.size, info.fps, id=view, view=view, video=video)

@pytest.mark.skipif(not DEMO.is_dir(), reason='SKELALIGN_DATA has no Pose2Sim_demo')
def test_a_fused_model_embeds_real_video(tmp_path):
    clips = attach_rgb([read(f'cam0{i}') for i in (1, 2, 3, 4)], size=16)
    assert [len(c) for c in clips] == [100] * 4 and all(c.rgb.shape == (100, 16, 16, 3) and c.rgb.std() > 10 for c in clips)
    small = dict(size=16, patch=4)
    model = fit_method('heatmap_rgb_mid', attach_rgb(simulated_videos(tmp_path, ['drill'], n_train=3, n_val=0, size=64), 16), progress=False,
                       overrides=dict(encoder=dict(stem=small, fusion=dict(rgb=small)), optim=dict(steps=4, batch=3)))
    both, blind = model(clips), model([replace(c, rgb=None) for c in clips])
    assert [z.shape for z in both] == [(100, 128)] * 4 and all(np.isfinite(z).all() for z in both + blind)
    assert all(np.abs(a - b).max() > .1 for a, b in zip(both, blind)), 'the pictures matter'
    assert np.abs(model(clips[:1])[0] - both[0]).max() < 1e-4, 'company changes nothing'
