"""Cameras by name: how far each may go in everything that happens between the light and the file.

A range is (low, high), drawn evenly for each clip; a chance is the share of clips that have the thing at all. "px" are
pixels of the file's picture, "levels" grey levels of 255. The families are after Real-ESRGAN (2107.10833, also for the
second generation), BSRGAN (2103.14006), unprocessing (1811.11127) and VCISR (2311.00996).
"""

from dataclasses import dataclass, replace

Range = tuple[float, float]
NONE: Range = (0.0, 0.0)


@dataclass(frozen=True)
class Camera:
    """The ranges of one kind of camera."""

    # light
    linear: float = 1.0  # chance that pixels gather linear light; else a picture in gamma was made smaller
    soft_scene: float = 0.6  # chance that the scene itself is soft, by
    softness_px: Range = (0.15, 1.2)  # truth is as soft
    defocus: float = 0.2  # chance that a part of it is out of focus, by
    defocus_px: Range = (0.5, 2.0)
    lens_px: Range = (0.15, 1.3)
    vignette: Range = (0.0, 0.3)  # light that is missing in the corners; in the truth, too
    # motion
    moving: float = 0.5  # chance that the camera moves, with
    speed_px: Range = (0.0, 3.0)  # per frame
    shutter: Range = (0.1, 0.9)  # share of a frame's time
    mover: float = 0.25  # chance of something that crosses in front of the background
    # sensor
    mosaic: float = 0.6  # chance of a colour mosaic; else pixels are binned or sampled from more
    full_well: Range = (300.0, 6000.0)  # electrons at white, logarithmic: shot noise
    read_noise: Range = (0.0005, 0.006)  # of white, logarithmic
    noiseless: float = 0.15  # chance of no noise at all
    gamma_noise_levels: Range = NONE  # for pictures in gamma: even noise on the finished picture
    pattern_noise: Range = (0.0, 0.3)  # fixed pattern and rows, relative to read noise
    hot_pixels: float = 0.1  # chance of some
    drift: Range = (0.0, 0.05)  # of exposure and white balance through a clip; in the truth, too
    mains: float = 0.1  # chance of lamps that flicker: bright and dark bands, in the truth, too, by
    bands: Range = (0.005, 0.04)
    # inside the camera
    denoise: float = 0.5  # chance
    denoise_px: Range = (0.6, 1.4)
    denoise_levels: Range = (2.0, 10.0)
    temporal: float = 0.25  # chance of a mean through time
    temporal_share: Range = (0.3, 0.8)
    sharpen: float = 0.6  # chance
    sharpen_amount: Range = (0.1, 1.5)
    sharpen_px: Range = (0.6, 2.0)
    contrast: Range = (-0.15, 0.4)
    scale: float = 0.2  # chance that the sensor's picture has another size, by a factor of
    scale_range: Range = (0.65, 1.6)
    # file
    uncompressed: float = 0.1
    jpeg: float = 0.5  # share of those that are compressed that are JPEG; the others H.264
    jpeg_quality: Range = (50.0, 98.0)
    h264_crf: Range = (18.0, 35.0)
    again: float = 0.1  # chance of a second generation


FILE = Camera(  # a photograph or a film that was made smaller: no sensor, and its colours are those of the truth
    linear=0.4,
    soft_scene=0.4,
    mosaic=0.0,
    pattern_noise=NONE,
    hot_pixels=0.0,
    drift=NONE,
    temporal=0.0,
    contrast=NONE,
    scale=0.0,
)
CAMERAS = {
    "bare_sensor": Camera(
        soft_scene=0.3,
        lens_px=(0.5, 1.3),
        mosaic=1.0,
        full_well=(300, 3000),
        read_noise=(0.0015, 0.006),
        noiseless=0.0,
        denoise=0.1,
        temporal=0.0,
        sharpen=0.0,
        contrast=NONE,
        scale=0.0,
        uncompressed=0.1,
        jpeg=1.0,
        jpeg_quality=(60, 95),
        again=0.0,
    ),
    "webcam_mjpeg": Camera(jpeg=1.0, uncompressed=0.0),
    "laptop_h264": Camera(jpeg=0.0, uncompressed=0.0, denoise=0.7, temporal=0.5),
    "phone_low_light": Camera(
        full_well=(80, 800), read_noise=(0.003, 0.02), noiseless=0.0, denoise=0.8, denoise_levels=(4, 20), temporal=0.4
    ),
    "sharpening_camera": Camera(sharpen=1.0, sharpen_amount=(0.4, 1.5), lens_px=(0.15, 0.9), mosaic=0.4),
    "clean_file": replace(
        FILE,
        lens_px=NONE,
        moving=0.0,
        noiseless=1.0,
        denoise=0.0,
        sharpen=0.0,
        uncompressed=0.35,
        jpeg=1.0,
        jpeg_quality=(75, 98),
        again=0.0,
    ),
    "clean_film": replace(
        FILE,
        lens_px=(0.0, 0.4),
        noiseless=1.0,
        denoise=0.0,
        sharpen=0.1,
        scale=0.1,
        uncompressed=0.0,
        jpeg=0.0,
        h264_crf=(18, 32),
    ),
    "file_from_a_camera": replace(
        FILE,
        lens_px=(0.0, 1.3),
        moving=0.2,
        noiseless=0.2,
        full_well=(1e4, 1e5),
        read_noise=(1e-4, 1e-3),
        gamma_noise_levels=(0.0, 13.0),
        denoise=0.1,
        sharpen=0.5,
        sharpen_amount=(0.2, 1.3),
        jpeg=0.7,
        jpeg_quality=(50, 95),
        h264_crf=(20, 33),
        again=0.05,
    ),
    "messenger": Camera(again=1.0, uncompressed=0.0, jpeg=0.4, jpeg_quality=(55, 92), scale=0.5),
}
