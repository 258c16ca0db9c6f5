"""What all robot tasks share: options that cannot be are refused where they are given, pictures of any size."""

import pytest

from awac.envs import make
from awac.envs.sawyer_push import SawyerPush
from awac.errors import ConfigError


@pytest.mark.parametrize(
    ("env_id", "options", "message"),
    [
        ("awac/SawyerPush-v0", {"success_distance": 0}, "success_distance=0 .* must be a positive number"),
        ("awac/SawyerPush-v0", {"hand_start": "left"}, "known are 'uniform' and 'fixed'"),
        ("awac/SawyerPush-v0", {"control": "torque"}, "known are 'ik' and 'mocap'"),
        ("awac/SawyerPush-v0", {"gravity": 3}, r"options \['gravity'\] of SawyerPush are unknown"),
        ("awac/SawyerDrawer-v0", {"open_angle": 30}, "open_angle=30 .*: allowed is more than 0, below 22"),
        ("awac/SawyerDrawer-v0", {"latency": 0.2}, r"latency=0.2 of a robot task: allowed is 0 to 0\.1"),
        ("awac/SawyerDrawer-v0", {"mass": float("nan")}, "mass=nan of a robot task"),
        ("awac/SawyerDrawer-v0", {"mass": "abc"}, "mass='abc' of a robot task: allowed is a number"),
        ("awac/SawyerDrawer-v0", {"width": "abc"}, "width='abc' of pictures: allowed is a whole number from 1 to 4096"),
        ("awac/SawyerDrawer-v0", {"height": 0}, "height=0 of pictures"),
        ("awac/SawyerDrawer-v0", {"camera_name": "nope"}, "camera_name='nope' is unknown; the cameras are view"),
        ("awac/SawyerDrawer-v0", {"domain": ""}, "domain='' draws nothing"),
        ("awac/SawyerDrawer-v0", {"domain": "mass=1:2 mass=3:4"}, "mass is there twice"),
        ("awac/SawyerDrawer-v0", {"domain": "mass"}, "'mass' is not of the form name=low:high"),
        ("awac/SawyerDrawer-v0", {"domain": "mass=2:1"}, "the range from 2.0 to 1.0 is empty"),
        ("awac/SawyerDrawer-v0", {"domain": "mass=1:1000"}, "mass=1000.0 of a robot task"),
        ("awac/SawyerDrawer-v0", {"domain": "height=1:2"}, r"options \['height'\] of SawyerDrawer are unknown"),
        ("awac/PointMass-v0", {"domain": "mass=1:2"}, "PointMass has no domain parameters to draw"),
    ],
)
def test_impossible_options_are_refused(env_id, options, message):
    with pytest.raises(ConfigError, match=message):
        make(env_id, **options)


def test_pictures_larger_than_mujoco_s_default_are_drawn_whole():
    env = make("awac/SawyerDrawer-v0", "rgb_array", width=800, height=600)
    env.reset(seed=0)
    frame = env.render()
    assert frame.shape == (600, 800, 3)
    assert (frame.max(axis=2) > 0).mean() > 0.99
    env.close()


def test_reset_has_no_options():
    with pytest.raises(ConfigError, match=r"reset options \['goal'\] of SawyerPush: it has none"):
        SawyerPush().reset(options={"goal": 1})
