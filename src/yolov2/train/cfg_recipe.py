"""The recipe that a .cfg is: what [net] and the head say of training, as values that a person may change."""

from __future__ import annotations

from dataclasses import replace

from yolov2.data.classifier_draws import augment_of_cfg
from yolov2.network.spec import Network
from yolov2.train.recipe import Recipe

SIZES = (320, 352, 384, 416, 448, 480, 512, 544, 576, 608)  # Darknet: train_detector, where random=1
LAST = 200  # updates at the end of a run, which take the largest
FOR_TESTING = 1  # the batch that Darknet's .cfg files are shipped with


def recipe_of_cfg(network: Network) -> Recipe:
    """Length, rates, batch, sizes and ranges of a network's .cfg; what it leaves open is as a Recipe has it.

    Its batch is taken from 2 on, as 1 is for testing. Source: Darknet `parse_net_options`, `parse_region`.
    """
    cfg, region, side = network.training, network.region, network.input.width
    found = Recipe(
        policy="cfg",
        learning_rate=cfg.learning_rate,
        momentum=cfg.momentum,
        decay=cfg.decay,
        batches=cfg.max_batches or None,
        hue=cfg.hue,
        saturation=cfg.saturation,
        exposure=cfg.exposure,
        sizes=(side,),
    )
    if cfg.batch > FOR_TESTING:
        found = replace(found, batch=cfg.batch, mini_batch=max(1, cfg.batch // cfg.subdivisions))
    if region is not None:
        found = replace(found, augment="darknet", jitter=region.jitter, difficult="drop")
        if region.random:
            found = replace(found, sizes=SIZES, final_share=min(1.0, LAST / max(1, cfg.max_batches)))
        return found
    ranges = augment_of_cfg(cfg, side)
    return replace(found, augment=ranges.kind, scale=ranges.scale, aspect=ranges.aspect, angle=ranges.angle)
