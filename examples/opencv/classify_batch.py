"""A Darknet classifier on many pictures, a batch at a time: best classes, and features of a layer inside.

    python classify_batch.py photos/*.jpg --cfg darknet.cfg --weights darknet.weights --labels shortnames.list

With --layer NAME --features FILE.npy it writes that layer's output, one row a picture, too.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np


def read_buffer(path):
    """The bytes of a file the way the dnn module takes them."""
    with open(path, "rb") as file:
        return bytearray(file.read())


def batches(items, size):
    for start in range(0, len(items), size):
        yield items[start : start + size]


def report(path, probabilities, labels, top):
    best = np.argsort(-probabilities, kind="stable")[:top]
    answers = [{"id": int(i), "class": labels[i], "score": round(float(probabilities[i]), 6)} for i in best]
    print(json.dumps({"image": path.name, "top": answers}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--cfg", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--labels", required=True)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--top", type=int, default=5)
    parser.add_argument("--mean", type=float, nargs=3, default=(0, 0, 0), help="of red, green and blue, in 0..255")
    parser.add_argument("--layer", help="its output is the features of a picture; 'list' prints the layers")
    parser.add_argument("--features", help="write the features to this .npy file")
    parser.add_argument("--one-by-one", action="store_true", help="through cv2.dnn.ClassificationModel")
    args = parser.parse_args()

    labels = Path(args.labels).read_text().splitlines()
    size = (args.size, args.size)
    net = cv2.dnn.readNetFromDarknet(read_buffer(args.cfg), read_buffer(args.weights))
    if args.layer == "list":
        print("\n".join(f"{net.getLayerId(name):3} {name}" for name in net.getLayerNames()))
        return
    if args.one_by_one:
        model = cv2.dnn.ClassificationModel(net)
        model.setInputParams(scale=1 / 255, size=size, mean=args.mean, swapRB=True, crop=True)
        for path in args.images:
            class_id, score = model.classify(cv2.imread(str(path)))
            answer = {"id": int(class_id), "class": labels[int(class_id)], "score": round(float(score), 6)}
            print(json.dumps({"image": path.name, "top": [answer]}))
        return

    features = []
    wanted = [args.layer] if args.layer else []
    net.enableFusion(not wanted)  # a layer that is fused with the next has no output of its own
    for paths in batches(args.images, args.batch):
        images = [cv2.imread(str(path)) for path in paths]
        blob = cv2.dnn.blobFromImages(images, size=size, swapRB=True, crop=True)
        net.setInput(blob, "data", 1 / 255, tuple(args.mean))
        *inside, probabilities = net.forward([*wanted, *net.getUnconnectedOutLayersNames()])
        for path, row in zip(paths, probabilities.reshape(len(paths), -1)):
            report(path, row, labels, args.top)
        features.extend(array.reshape(len(paths), -1) for array in inside)
    if args.features and features:
        np.save(args.features, np.concatenate(features))


if __name__ == "__main__":
    main()
