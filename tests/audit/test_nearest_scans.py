"""The scan that is shown beside a volume is the nearest one, turned as the volume is."""

import torch

from alphagan.audit.nearest import nearest, nearest_scans
from alphagan.audit.spaces import VoxelSpace


def test_each_volume_finds_its_own_scan_as_it_is_turned():
    generator = torch.Generator().manual_seed(0)
    train = torch.rand(6, 8, 8, 8, generator=generator) * 1.8 - 0.8
    volumes = torch.stack([train[4], train[2].flip(0), train[0]])
    found = nearest(VoxelSpace(train).similarity(volumes))
    assert found.scan.tolist() == [4, 2, 0] and found.mirrored.tolist() == [False, True, False]
    assert torch.equal(nearest_scans(found, train), volumes)
