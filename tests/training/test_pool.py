"""The pool of frames: a function of its seed, kept on disk for whoever asks next."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from making import photo

from training.camera.cameras import CAMERAS
from training.pool import KEPT, Pool
from training.restoration import detail


def small_pool(*, most_chunks: int = 2, folder=None, **changes) -> Pool:
    settings = {"shares": {"clean_file": 1.0, "webcam_mjpeg": 1.0}, "chunk_clips": 2, "scenes_per_camera": 1, **changes}
    photos = [torch.from_numpy(photo(100, 120, seed=seed)).permute(2, 0, 1) for seed in (0, 1)]
    return Pool(
        photos=photos,
        seed=3,
        frame_px=16,
        scene_px=80,
        most_chunks=most_chunks,
        device=torch.device("cpu"),
        folder=folder,
        **settings,
    )


def same(one, other) -> bool:
    return all(torch.equal(first, second) for first, second in zip(one, other, strict=True))


def test_a_pool_that_was_rebuilt_holds_and_gives_the_same():
    walked, jumped = small_pool(), small_pool()
    for newest in range(4):
        walked.reach(newest)
    jumped.reach(3)
    assert list(walked.chunks) == list(jumped.chunks) == [2, 3]
    ask = {"size": 3, "crop_px": 8, "candidates": 2}
    assert same(walked.batch(5, **ask), jumped.batch(5, **ask))
    assert not same(walked.batch(5, **ask), walked.batch(6, **ask))


def test_a_pool_starts_small_and_gives_crops_with_their_dials():
    pool = small_pool(most_chunks=4)
    pool.reach(0)
    assert list(pool.chunks) == [0]
    assert len(pool.chunks[0].raw) == 2 * KEPT
    raw, truth, dials = pool.batch(0, size=2, crop_px=16, candidates=1)
    assert raw.shape == (2, 3, 16, 16)
    assert truth.shape == (2, 3, 32, 32)
    assert dials.shape == (2, 4)
    assert 0 <= raw.min() <= raw.max() <= 1


def test_a_share_of_the_clips_is_fused_and_the_others_are_as_they_were():
    plain = small_pool(chunk_clips=4, fuse=lambda frames, _: frames, fused_share=0.5)
    marked = small_pool(chunk_clips=4, fuse=lambda frames, _: torch.zeros_like(frames), fused_share=0.5)
    for pool in (plain, marked):
        pool.reach(3)
    raw = ([frame for chunk in pool.chunks.values() for frame in chunk.raw] for pool in (plain, marked))
    pairs = list(zip(*raw, strict=True))
    fused = [not b.any() for _, b in pairs]
    assert 0 < sum(fused) < len(fused)
    assert all(is_fused or torch.equal(a, b) for (a, b), is_fused in zip(pairs, fused, strict=True))


def test_the_busier_crop_is_taken():
    pool = small_pool()
    pool.reach(1)
    found = [
        sum(detail(picture * 255) for picture in pool.batch(0, size=6, crop_px=8, candidates=candidates).truth)
        for candidates in (1, 6)
    ]
    assert found[1] > found[0]


def test_scenes_of_one_camera_have_its_dials_but_for_their_noise_and_motion():
    (chunk,) = [small_pool(chunk_clips=4, scenes_per_camera=4, shares={"clean_file": 1.0}).chunk(0)]
    assert torch.equal(chunk.dials[:1].expand(4 * KEPT, -1), chunk.dials)
    several = small_pool(chunk_clips=4, shares={"clean_file": 1.0}).chunk(0)
    assert len(several.dials.unique(dim=0)) > 1


def test_chunks_are_kept_on_disk_and_two_that_make_them_at_once_agree(tmp_path):
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(lambda _: small_pool(folder=tmp_path).chunk(1), range(2))
    assert same(one, other)
    assert [file.name for file in tmp_path.iterdir()] == ["000001.pt"]
    before = (tmp_path / "000001.pt").stat().st_mtime_ns
    assert same(small_pool(folder=tmp_path).chunk(1), small_pool().chunk(1))
    assert (tmp_path / "000001.pt").stat().st_mtime_ns == before


@pytest.mark.parametrize("name", CAMERAS)
def test_every_camera_can_be_in_a_pool(name):
    assert small_pool(shares={name: 1.0}, chunk_clips=1).chunk(0).raw.shape == (KEPT, 3, 16, 16)


def test_a_share_of_the_clips_has_the_dials_that_are_read_of_it_alone_or_of_all_clips_of_its_camera():
    counts = []

    def read(frames):
        counts.append(len(frames))
        return torch.full((4,), 0.125)

    settings = {"chunk_clips": 6, "scenes_per_camera": 3, "most_chunks": 6}
    plain, told = small_pool(**settings), small_pool(**settings, read=read, estimated_share=0.5)
    for pool in (plain, told):
        pool.reach(5)
    pairs = [
        (known, given)
        for one, other in zip(plain.chunks.values(), told.chunks.values(), strict=True)
        for known, given in zip(one.dials[::KEPT], other.dials[::KEPT], strict=True)
    ]
    estimated = [bool((given == 0.125).all()) for _, given in pairs]
    assert 0 < sum(estimated) < len(estimated)
    assert all(was_read or torch.equal(known, given) for (known, given), was_read in zip(pairs, estimated, strict=True))
    assert set(counts) == {1, 3}


@pytest.mark.parametrize(("share", "sign"), [("sharpened_share", 1), ("softened_share", -1)])
def test_a_scene_that_was_sharpened_or_soft_is_so_in_frame_and_truth_alike(share, sign):
    settings = {"chunk_clips": 8, "shares": {"clean_file": 1.0}}
    plain, altered = small_pool(**settings).chunk(0), small_pool(**settings, **{share: 1.0}).chunk(0)
    for one, other in ((plain.raw, altered.raw), (plain.truth, altered.truth)):
        before, after = (sum(detail(frame) for frame in frames) for frames in (one, other))
        assert sign * (after - before) > 0.1 * before
