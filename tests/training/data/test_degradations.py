"""Physical degradations: ranges, determinism, what must grow and shrink, and what does nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restorect_edge.errors import UsageError
from restorect_edge.training.data.degradations import (
    DEGRADATIONS,
    JERLOV,
    NOISELESS,
    Backlit,
    Camera,
    Fundus,
    LowLight,
    Underwater,
    degradation,
)
from restorect_edge.training.data.degradations.optics import blur, linearise, normal, smooth_field, srgb

FIXED = (1.0, 1.0)
NONE = (0.0, 0.0)
IDENTITIES = {
    "lowlight": LowLight(exposure=FIXED, red=FIXED, blue=FIXED, tone=FIXED, camera=NOISELESS),
    "backlit": Backlit(shadow=FIXED, light=FIXED, glare=NONE, camera=NOISELESS),
    "underwater": Underwater(
        depth=NONE, near=NONE, extent=NONE, veil=NONE, spread=NONE, balance=NONE, exposure=FIXED,
        camera=NOISELESS,
    ),
    "fundus": Fundus(
        brightness=FIXED, falloff=NONE, unevenness=NONE, defocus=NONE, haze=NONE, leaks=0.0, camera=NOISELESS
    ),
}  # fmt: skip


def scene(height: int = 96, width: int = 128, seed: int = 0) -> np.ndarray:
    """A picture with structure and every brightness."""
    rng = np.random.default_rng(seed)
    planes = [smooth_field(rng, height, width, 6) for _ in range(3)]
    return np.stack(planes, axis=-1).astype(np.float32)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng([7, seed])


@pytest.mark.parametrize("task", list(DEGRADATIONS))
@given(height=st.integers(2, 70), width=st.integers(2, 70), seed=st.integers(0, 10**6))
def test_shape_type_and_range_hold(task, height, width, seed):
    clean = scene(height, width)
    before = clean.copy()
    result = DEGRADATIONS[task](clean, generator(seed))
    assert result.shape == clean.shape
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1
    assert np.allclose(result * 255, np.rint(result * 255), atol=1e-3), "what a camera stores has 8 bits"
    assert np.array_equal(clean, before), "the clean image is left alone"


@pytest.mark.parametrize("task", list(DEGRADATIONS))
def test_the_generator_decides(task):
    clean = scene()
    first, again, other = (DEGRADATIONS[task](clean, generator(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("task", list(IDENTITIES))
@pytest.mark.parametrize("seed", range(3))
def test_no_strength_changes_nothing(task, seed):
    clean = scene(seed=seed)
    assert np.abs(IDENTITIES[task](clean, generator(seed)) - clean).max() <= 1.001 / 255


@pytest.mark.parametrize("task", list(DEGRADATIONS))
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_black_and_white_pictures_are_survived(task, level):
    result = DEGRADATIONS[task](np.full((32, 40, 3), level, np.float32), generator())
    assert np.isfinite(result).all()


def test_an_unknown_task_is_named():
    with pytest.raises(
        UsageError, match=r"unknown task with a degradation 'lowlihgt'.*did you mean 'lowlight'"
    ):
        degradation("lowlihgt")


def test_less_exposure_is_darker():
    clean = scene()
    means = [
        LowLight(exposure=(e, e), camera=NOISELESS)(clean, generator()).mean() for e in (0.01, 0.03, 0.1, 0.3)
    ]
    assert means == sorted(means)
    assert means[0] < 0.1 < means[-1] < clean.mean()


def test_exposure_scales_linear_light():
    clean = np.full((16, 16, 3), 0.5, np.float32)
    fixed = replace(IDENTITIES["lowlight"], exposure=(0.25, 0.25))
    linear = 0.25 * ((0.5 + 0.055) / 1.055) ** 2.4
    assert fixed(clean, generator()) == pytest.approx(1.055 * linear ** (1 / 2.4) - 0.055, abs=0.6 / 255)


def noise_of(camera: Camera, level: float) -> np.ndarray:
    """Return the stored noise in linear light of a flat gray."""
    stored = camera.expose(np.full((3, 256, 256), level, np.float32), generator())
    return linearise(stored) - np.float32(level)


@pytest.mark.parametrize("level", [0.1, 0.4])
@pytest.mark.parametrize(("shot", "read"), [(2e-3, 1e-9), (1e-9, 0.02), (1e-3, 0.01)])
def test_noise_has_the_variance_of_photons_and_electronics(level, shot, read):
    camera = replace(NOISELESS, shot=(shot, shot), read=(read, read), grain=NONE, shared=NONE)
    noise = noise_of(camera, level)
    assert noise.var() == pytest.approx(shot * level + read**2, rel=0.03)
    assert abs(noise.mean()) < 1e-3


def test_shot_noise_is_skewed_as_the_poisson_law():
    photons = 20.0
    camera = replace(NOISELESS, shot=(0.01, 0.01), grain=NONE, shared=NONE, bits=(16, 16))
    planes = np.full((3, 400, 400), photons * 0.01, np.float32)
    camera._add_noise(planes, generator())
    counts = planes.astype(np.float64) / 0.01
    third = ((counts - counts.mean()) ** 3).mean() / counts.std() ** 3
    assert counts.mean() == pytest.approx(photons, rel=0.005)
    assert counts.var() == pytest.approx(photons, rel=0.02)
    assert third == pytest.approx(photons**-0.5, rel=0.1)


@pytest.mark.parametrize("shared", [0.0, 0.4, 0.8])
def test_noise_is_shared_between_channels_as_told(shared):
    camera = replace(NOISELESS, read=(0.02, 0.02), grain=(0.5, 0.5), shared=(shared, shared))
    noise = noise_of(camera, 0.4)
    assert np.corrcoef(noise[0].ravel(), noise[2].ravel())[0, 1] == pytest.approx(shared, abs=0.02)
    assert noise.std() == pytest.approx(0.02, rel=0.05)


def test_coarse_grain_reaches_the_neighbour():
    camera = replace(NOISELESS, read=(0.02, 0.02), grain=(0.5, 0.5), shared=NONE)
    noise = noise_of(camera, 0.4)[1]
    assert np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1] == pytest.approx(0.4, abs=0.02)


def test_an_amplified_channel_is_noisier():
    camera = replace(NOISELESS, shot=(1e-3, 1e-3), red_gain=(2.0, 2.0), grain=NONE, shared=NONE)
    red, green, _ = noise_of(camera, 0.3)
    assert red.var() == pytest.approx(2 * green.var(), rel=0.05)


def test_jpeg_changes_the_picture_a_little():
    clean = scene()
    stored = replace(NOISELESS, jpeg=1.0, quality=(90, 90)).expose(linearise(clean), generator())
    assert 0 < np.abs(stored - clean).mean() < 0.02


def test_backlight_spares_part_of_the_frame():
    clean = np.full((96, 96, 3), 0.6, np.float32)
    for seed in range(5):
        result = replace(Backlit(), camera=NOISELESS, shadow=(0.05, 0.05))(clean, generator(seed))
        assert np.quantile(result, 0.02) < 0.3
        assert np.quantile(result, 0.98) > 0.4


def test_backlight_follows_edges_of_the_scene():
    clean = np.full((96, 96, 3), 0.2, np.float32)
    clean[:, 48:] = 0.9
    shaded = replace(Backlit(), camera=NOISELESS, cling=(8.0, 8.0), dark_share=(0.5, 0.5), shadow=(0.1, 0.1))
    ratio = linearise(shaded(clean, generator())) / linearise(clean)
    assert ratio[1, :, 50:].min() > 0.6
    assert ratio[1, :, :46].max() < 0.4


@pytest.mark.parametrize("water", ["I", "II", "III", "1C"])
def test_water_takes_red_most(water):
    clean = np.full((48, 48, 3), 0.7, np.float32)
    light = linearise(replace(IDENTITIES["underwater"], waters=(water,), near=(3.0, 3.0))(clean, generator()))
    red, green, blue = light.mean(axis=(1, 2))
    assert red < green
    assert red < blue


def test_turbid_coastal_water_takes_blue_most():
    clean = np.full((48, 48, 3), 0.7, np.float32)
    light = linearise(replace(IDENTITIES["underwater"], waters=("9C",), near=(1.0, 1.0))(clean, generator()))
    red, green, blue = light.mean(axis=(1, 2))
    assert blue < green < red


def test_attenuation_is_that_of_the_table():
    clean = np.full((32, 32, 3), 0.7, np.float32)
    far = replace(IDENTITIES["underwater"], waters=("II",), near=(2.0, 2.0), beam=FIXED)
    red, green, _ = linearise(far(clean, generator())).mean(axis=(1, 2))
    expected = np.exp(-2.0 * (JERLOV["II"][0] - JERLOV["II"][1]))
    assert red / green == pytest.approx(expected, rel=0.02)


def test_more_distance_is_less_contrast():
    clean = scene()
    spans = []
    for distance in (0.5, 2.0, 6.0):
        sea = replace(
            IDENTITIES["underwater"], waters=("1C",), near=(distance, distance), veil=(0.5, 0.5), depth=FIXED
        )
        green = sea(clean, generator())[..., 1]
        spans.append(green.std() / green.mean())
    assert spans == sorted(spans, reverse=True)


def eye(side: int = 128) -> np.ndarray:
    """A round orange field in a black surround."""
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    texture = 0.8 + 0.2 * np.sin(40 * rows)
    inside = (rows**2 + columns**2 < 0.7)[..., None] * texture[..., None]
    return (inside * np.array([0.85, 0.45, 0.25])).astype(np.float32)


def test_the_surround_of_a_fundus_stays_black():
    clean = eye()
    for seed in range(6):
        result = replace(Fundus(), leaks=1.0, leak=(0.3, 0.3), camera=NOISELESS)(clean, generator(seed))
        assert result[:10, :10].max() == 0
        assert result[-10:, -10:].max() == 0


def test_haze_and_blur_take_contrast_from_a_fundus():
    clean = eye()
    centre = (slice(44, 84), slice(44, 84))
    for change in ({"haze": (0.6, 0.6)}, {"defocus": (0.03, 0.03)}):
        result = replace(IDENTITIES["fundus"], **change)(clean, generator())
        assert result[centre].std(axis=(0, 1)).max() < 0.9 * clean[centre].std(axis=(0, 1)).max()


def test_a_fundus_darkens_away_from_the_beam():
    uneven = replace(IDENTITIES["fundus"], falloff=(1.5, 1.5), offset=NONE)
    result = uneven(np.full((64, 64, 3), 0.6, np.float32), generator())
    assert result[32, 32, 0] == pytest.approx(0.6, abs=0.02)
    assert result[2, 2, 0] < 0.4


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 4.0])
def test_blur_has_the_width_it_is_told(sigma):
    plane = np.zeros((65, 65), np.float32)
    plane[32, 32] = 1
    result = blur(plane, sigma)
    offsets = np.arange(65) - 32
    assert result.sum() == pytest.approx(1, abs=1e-4)
    assert (result.sum(axis=0) * offsets**2).sum() == pytest.approx(sigma**2, rel=0.01)
    assert (result.sum(axis=1) * offsets**2).sum() == pytest.approx(sigma**2, rel=0.01)


def test_blur_keeps_flat_planes_to_their_edges():
    assert blur(np.full((3, 9, 7), 0.4, np.float32), 3.0) == pytest.approx(0.4, abs=1e-5)


def test_fast_normal_numbers_are_normal():
    numbers = normal(generator(), (400, 500)).astype(np.float64)
    assert numbers.mean() == pytest.approx(0, abs=0.01)
    assert numbers.std() == pytest.approx(1, abs=0.01)
    assert (np.abs(numbers) > 2).mean() == pytest.approx(0.0455, abs=0.002)


def test_srgb_is_undone():
    levels = np.linspace(0, 1, 256, dtype=np.float32)
    image = np.repeat(levels, 3).reshape(1, 256, 3)
    assert srgb(linearise(image)[0, 0].astype(np.float64)) == pytest.approx(levels, abs=2e-4)
